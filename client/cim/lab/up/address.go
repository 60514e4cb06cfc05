package up

import "github.com/cim-go/cim/proto/ports"

// address returns a loopback address at which nobody listens, and which no other process
// of the cluster has. It is the known port if the configuration asks for that and the
// port is free. Nothing holds the address until a program listens.
func (c *Cluster) address(known int) string {
	if at := ports.At(known); c.config.Fixed && c.take(at) {
		return at
	}
	for range tries {
		if address, err := ports.Address(); err == nil && c.take(address) {
			return address
		}
	}
	return ports.At(known) // the program will say what is wrong
}

// tries is how many ports are tried. A cluster may have all ports of its process.
const tries = 100

// take notes that the cluster has the address. It returns false if the cluster had it
// already, or if somebody listens there.
func (c *Cluster) take(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.given[address] || !ports.Free(address) {
		return false
	}
	c.given[address] = true
	return true
}
