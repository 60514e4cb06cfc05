package attack

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
)

// ServeSink accepts connections and discards the bytes that they send. It writes its
// address as a line to the Writer out. It blocks until ctx ends.
func ServeSink(ctx context.Context, out io.Writer) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer ln.Close()
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	if _, err := fmt.Fprintln(out, ln.Addr()); err != nil {
		return fmt.Errorf("tell the address: %w", err)
	}
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		all.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			_, _ = io.Copy(io.Discard, conn) // if the connection breaks, the sink has one connection less
		})
	}
}
