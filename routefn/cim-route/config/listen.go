package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Listen listens on a TCP address and says in one line what is wrong if it
// cannot.
//
// With roam, a port that is in use gives way to any free one: what one wants of
// a further node on a machine where the first has the default ports, and of
// nothing that others must find at a known place.
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

// stopTime is how long requests in flight may take when a server stops.
const stopTime = 10 * time.Second

// Serve serves HTTP on listener until ctx ends, then lets the requests in flight
// finish. It closes the listener and returns nil after a stop that was asked
// for.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	stopped := make(chan error, 1)
	cancel := context.AfterFunc(ctx, func() {
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer done()
		stopped <- server.Shutdown(grace)
	})
	err := server.Serve(listener)
	if cancel() { // it failed by itself: nobody asked it to stop
		return fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
	}
	return <-stopped
}

// Usable returns an address that a listener for TCP could have now, for those
// who listen by themselves. roam is as in Listen.
func Usable(flag, address string, roam bool) (string, error) {
	listener, err := Listen(flag, address, roam)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
