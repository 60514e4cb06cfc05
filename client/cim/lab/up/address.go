package up

import (
	"math/rand/v2"
	"net"
	"strconv"
)

// firstPort and lastPort bound the ports of the processes. They lie below those that
// Linux gives to outgoing connections (32768 and up). Otherwise such a connection might
// hold the port of a killed process, which then could not start again.
const (
	firstPort = 20_000
	lastPort  = 32_000
)

// address is a free loopback address that no other process of the cluster was given:
// the port that people know if it is free and wanted, any other otherwise. Nothing
// holds it until a program listens.
func (c *Cluster) address(port int) string {
	at := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	if c.config.Fixed && c.take(at(port)) {
		return at(port)
	}
	for range tries {
		if address := anyAddress(); c.take(address) {
			return address
		}
	}
	return at(port) // the program will say what is wrong
}

// FreeAddress returns a loopback address at which nobody listens now. Outgoing
// connections do not get its port.
func FreeAddress() (address string) {
	for range tries {
		if address = anyAddress(); free(address) {
			break
		}
	}
	return address // if it is not free, the program that listens will say so
}

// tries is how many ports are tried.
const tries = 100

func anyAddress() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort)))
}

func (c *Cluster) take(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.given[address] || !free(address) {
		return false
	}
	c.given[address] = true
	return true
}

// free reports whether nobody listens at the address, nor takes packets there, which
// gossip does.
func free(address string) bool {
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
