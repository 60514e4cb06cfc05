package nodeserver

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto/process"
)

// parsed returns the flags that args give, and the names of those that were given.
func parsed(t *testing.T, args ...string) (*flags, map[string]bool) {
	t.Helper()
	fs := flag.NewFlagSet("cim-server", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	f := new(flags)
	f.register(fs)
	if err := process.Parse(fs, args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	set := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })
	return f, set
}

func TestWrongFlagsAreNamed(t *testing.T) {
	for args, want := range map[string]string{
		"-route-url 127.0.0.1:8083":                       "-route-url",
		"-route-url ftp://127.0.0.1":                      "-route-url",
		"-cim-route-url http://":                          "-cim-route-url",
		"-listen 7777":                                    "-listen",
		"-http nowhere":                                   "-http",
		"-gossip 7946":                                    "-gossip",
		"-cluster-key 0123456789abcdef -gossip :7946":     "-advertise",
		"-listen 0.0.0.0:7777":                            "-cluster-key",
		"-advertise 0.0.0.0":                              "-advertise 0.0.0.0",
		"-advertise ::":                                   "-advertise ::",
		"-advertise 192.0.2.1:8081":                       "without a port",
		"-advertise [2001:db8::1]":                        "without a port",
		"-advertise http://node-1":                        "without a port",
		"-advertise-client 0.0.0.0:443":                   "-advertise-client",
		"-advertise-client :443":                          "-advertise-client",
		"-advertise-client wss://[::]/chat":               "-advertise-client",
		"-http 192.0.2.1:8080":                            "-cluster-key",
		"-zk :2181":                                       "-zk",
		"-tls-cert cert.pem":                              "-tls-key",
		"-tls-key key.pem":                                "-tls-cert",
		"-weight 0":                                       "-weight 0",
		"-capacity 0":                                     "-capacity 0",
		"-drain-rate 0":                                   "-drain-rate 0",
		"-drain-timeout 0s":                               "-drain-timeout 0s",
		"-bootstrap -expect 3":                            "exclude each other",
		"-redis redis://127.0.0.1:6379":                   "-with-route",
		"-route-key 0123456789abcdef":                     "-with-route",
		"-cluster-key 0123456789abcdef -listen localhost": "-listen",
	} {
		f, set := parsed(t, strings.Fields(args)...)
		err := f.check(set)
		if !errors.Is(err, process.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that names %s", args, err, want)
		}
	}
}

func TestFlagsThatAreAccepted(t *testing.T) {
	for _, args := range []string{
		"",
		"-listen localhost:7777 -http [::1]:8080",
		"-route-url http://127.0.0.1:8083,https://route.example",
		"-with-route -redis embedded -route-key 0123456789abcdef",
		"-cluster-key 0123456789abcdef -listen :7777 -gossip 0.0.0.0:7946 -advertise 192.0.2.1",
		"-zk 127.0.0.1:2181,127.0.0.1:2182",
		"-advertise 2001:db8::1 -advertise-client [2001:db8::1]:443",
		"-advertise node-1 -advertise-client wss://node-1.example/chat",
		"-bootstrap",
		"-expect 3",
	} {
		f, set := parsed(t, strings.Fields(args)...)
		if err := f.check(set); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		if len(f.routes) == 0 {
			t.Errorf("%q leaves the node without a route", args)
		}
	}
}

func TestGossipOnAllAddressesNamesTheFlag(t *testing.T) {
	for _, address := range []string{"0.0.0.0:7946", "[::]:7946", ":7946"} {
		f := flags{listen: "127.0.0.1:0", http: "127.0.0.1:0", gossip: address, clusterKey: "a key of sixteen bytes", weight: 1, capacity: 1, drainRate: 1, drainTime: 1}
		if err := f.check(nil); err == nil || !strings.Contains(err.Error(), "-advertise") {
			t.Errorf("-gossip %s: %v", address, err)
		}
		f.advertise = "10.0.0.1"
		if err := f.check(nil); err != nil {
			t.Errorf("-gossip %s -advertise: %v", address, err)
		}
	}
	f := flags{listen: "127.0.0.1:0", http: "127.0.0.1:0", gossip: "127.0.0.1:0", zk: "zk1:2181/prod", weight: 1, capacity: 1, drainRate: 1, drainTime: 1}
	if err := f.check(nil); err == nil || !strings.Contains(err.Error(), "-zk-root /prod/cim") {
		t.Errorf("a chroot: %v", err)
	}
}
