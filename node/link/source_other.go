//go:build !unix

package link

import "net"

func newSource(conn net.Conn) source { return &plainSource{conn: conn} }
