// Package ports chooses loopback ports for the programs that a process starts: nodes,
// routes, stores and others. Tests, verify, bench and `cim up` use it.
//
// A program gets its port as a flag, so the port is chosen before anybody listens there.
// Two processes that choose at the same time could choose the same port. Therefore the
// ports are divided into blocks. A process holds a block as long as it lives, by
// listening at the first port of the block. It uses only the other ports of its blocks.
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The blocks are in the range of ports from first to last, without last. The range lies
// below the ports that Linux gives to outgoing connections (32768 and up). Otherwise such
// a connection could hold the port of a killed program, which then could not start again.
const (
	first = 20_000
	last  = 32_000
	size  = 100 // ports of a block
	most  = 12  // blocks of a process
)

// ErrNone is returned if this process can get no block of ports, or if no port of its
// blocks is free.
var ErrNone = errors.New("no loopback port is free")

// held has the blocks of this process.
var held pool

// pool has the ports of some blocks. It returns them in turn, so that a port is used
// again as late as possible. A port's program may be stopped, and may need the port
// when it starts again.
type pool struct {
	mu     sync.Mutex
	guards []net.Listener // at the first port of each block
	ports  []int
	next   int // index into ports
}

// Take returns a port of 127.0.0.1 on which no program listens, neither for connections
// nor for packets. No other process that uses this package gets the same port. This
// process gets it again only after some 1,200 other ports.
func Take() (int, error) {
	held.mu.Lock()
	defer held.mu.Unlock()
	return held.take()
}

// Address takes a port and returns 127.0.0.1:port.
func Address() (string, error) {
	port, err := Take()
	return At(port), err
}

// ForTest takes a port for a test and returns 127.0.0.1:port. If there is none, the test
// fails.
func ForTest(t interface {
	Helper()
	Fatal(args ...any)
}) string {
	t.Helper()
	address, err := Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// At returns 127.0.0.1:port.
func At(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Free reports whether no program listens on a host:port, neither for connections nor for
// packets. Packets matter because gossip uses them.
func Free(address string) bool {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer listener.Close()
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	return packets.Close() == nil
}

func (p *pool) take() (int, error) {
	for range most*size + 1 {
		if p.next == len(p.ports) && !p.grow() {
			p.next = 0
		}
		if len(p.ports) == 0 {
			break
		}
		port := p.ports[p.next]
		p.next++
		if Free(At(port)) {
			return port, nil
		}
	}
	return 0, ErrNone
}

// grow adds a block that no process holds. It returns false if there is no such block, or
// if the pool has enough blocks.
func (p *pool) grow() bool {
	if len(p.guards) == most {
		return false
	}
	for _, i := range rand.Perm((last - first) / size) {
		block := first + i*size
		guard, err := net.Listen("tcp", At(block))
		if err != nil {
			continue
		}
		p.guards = append(p.guards, guard)
		for _, j := range rand.Perm(size - 1) {
			p.ports = append(p.ports, block+1+j)
		}
		return true
	}
	return false
}
