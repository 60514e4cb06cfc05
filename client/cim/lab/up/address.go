package up

import "github.com/cim-go/cim/proto/ports"

// address returns a loopback address on which no program listens. No other process of the
// cluster has this address. The parameter known is a well-known port. If Config.Fixed is
// set and that port is free, address uses it. Another program may still take the address
// before the process listens on it.
func (c *Cluster) address(known int) string {
	if at := ports.At(known); c.config.Fixed && c.take(at) {
		return at
	}
	for range tries {
		if address, err := ports.Address(); err == nil && c.take(address) {
			return address
		}
	}
	return ports.At(known) // the program itself will report the error
}

// tries is how many ports are tried. The cluster itself may have taken some of them
// already.
const tries = 100

// take records that the cluster uses the address. It returns false if the cluster uses it
// already, or if a program listens on it.
func (c *Cluster) take(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.given[address] || !ports.Free(address) {
		return false
	}
	c.given[address] = true
	return true
}
