//go:build !linux

package evloop

import (
	"net/netip"
	"time"
)

// Loop does not exist on this system, so New fails.
type Loop struct{}

// Conn does not exist on this system.
type Conn struct{ Owner any }

// New returns ErrUnsupported.
func New(Events) (*Loop, error) { return nil, ErrUnsupported }

// Listen cannot be called.
func (*Loop) Listen(int) (netip.AddrPort, error) { return netip.AddrPort{}, ErrUnsupported }

// Dial cannot be called.
func (*Loop) Dial(string, any) (*Conn, error) { return nil, ErrUnsupported }

// Poll cannot be called.
func (*Loop) Poll(time.Duration) error { return ErrUnsupported }

// Close cannot be called.
func (*Loop) Close() {}

// Send cannot be called.
func (*Conn) Send([]byte) {}

// Waiting cannot be called.
func (*Conn) Waiting() int { return 0 }

// Close cannot be called.
func (*Conn) Close() {}
