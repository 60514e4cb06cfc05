package tcp

import "net"

// Replay is a connection whose first bytes were read before.
type Replay struct {
	net.Conn
	Head []byte // what is read first
}

// Read reads what was read already, and then the connection.
func (r *Replay) Read(p []byte) (int, error) {
	if len(r.Head) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.Head)
	r.Head = r.Head[n:]
	return n, nil
}
