//go:build !unix

package tcp

import "net"

// NewSource returns a source that reads conn. It does not close conn.
func NewSource(conn net.Conn) Source { return &plainSource{conn: conn} }
