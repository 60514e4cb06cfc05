package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Listen listens on a TCP address. Its errors name the flag and the address in one
// line.
//
// If roam is true and the port of address is in use, Listen takes any free port. This is
// for a second node on a machine where the first node has the default ports. It is not
// for a listener that others must find at a fixed address.
func Listen(flag, address string, roam bool) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err == nil {
		return listener, nil
	}
	if !errors.Is(err, errInUse) {
		return nil, fmt.Errorf("-%s %s: %w", flag, address, err)
	}
	if !roam {
		return nil, fmt.Errorf("-%s %s: the port is in use", flag, address)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("-%s %s: %w", flag, address, err)
	}
	return Listen(flag, net.JoinHostPort(host, "0"), false)
}

// Port returns the port of a listener's address.
func Port(address net.Addr) string {
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return strconv.Itoa(0)
	}
	return port
}

// headTime is how long a client may take to send a request's head.
const headTime = 5 * time.Second

// stopTime is how long requests in flight may still take after a server has begun to
// stop.
const stopTime = 10 * time.Second

// Serve serves HTTP on listener until ctx ends. Then it waits for the requests in flight,
// closes the listener and returns nil. If a request takes longer than ten seconds more,
// Serve cuts it off, so that no client keeps a program from stopping.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ConnContext:       withConn,
		ReadHeaderTimeout: headTime,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	stopped := make(chan error, 1)
	cancel := context.AfterFunc(ctx, func() {
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer done()
		err := server.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		stopped <- err
	})
	err := server.Serve(listener)
	if cancel() { // the server failed before ctx ended
		return fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
	}
	return <-stopped
}

// Usable returns an address on which a TCP listener could be opened now. It is for
// callers that open the listener themselves. The parameter roam is as in Listen.
func Usable(flag, address string, roam bool) (string, error) {
	listener, err := Listen(flag, address, roam)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
