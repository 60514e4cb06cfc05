package up

import (
	"net"
	"testing"
)

func TestNoTwoProcessesAreGivenOneAddress(t *testing.T) {
	c := &Cluster{given: make(map[string]bool)}
	for n := range 1000 { // of 12,000
		if address := c.address(8081); c.given[address] && len(c.given) != n+1 {
			t.Fatalf("%s was given twice", address)
		}
	}
}

func TestAddressWhereSomebodyTakesPacketsIsNotFree(t *testing.T) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	if address := packets.LocalAddr().String(); free(address) {
		t.Fatalf("%s is free", address)
	}
}
