package ring

import (
	"errors"
	"testing"
)

func TestMemberIsReachedByTCPOrAWebSocket(t *testing.T) {
	for client, want := range map[string]ClientAddress{
		"im.example.com:11211":                    {HostPort: "im.example.com:11211", TLS: true},
		"wss://chat.example.org:443/node-1":       {HostPort: "chat.example.org:443", TLS: true, Path: "/node-1"},
		"ws://10.0.0.1:80/a%20path":               {HostPort: "10.0.0.1:80", Path: "/a%20path"},
		"wss://[2001:db8::1]:443/ws":              {HostPort: "[2001:db8::1]:443", TLS: true, Path: "/ws"},
		"wss://chat.example.org:443/node-1/deep/": {HostPort: "chat.example.org:443", TLS: true, Path: "/node-1/deep/"},
	} {
		m := node("a")
		m.Client, m.TLS = client, true
		if err := m.Validate(); err != nil {
			t.Errorf("%s is refused: %v", client, err)
		}
		if got := m.ClientAddress(); got != want {
			t.Errorf("%s is %+v, want %+v", client, got, want)
		}
	}
	for _, client := range []string{
		"https://h:1/p", "wss://h/p", "wss://h:1", "wss://a@h:1/p", "wss://h:1/p?q", "wss://h:1/p#f", "wss://:1/p", "wss://h:0/p", "://h:1/p",
	} {
		m := node("a")
		m.Client = client
		if err := m.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", client, err)
		}
	}
}

func TestInternalAddressMayBeOfTLS(t *testing.T) {
	for http, want := range map[string]struct {
		hostPort, base string
		secure, good   bool
	}{
		"10.0.0.1:8081":         {"10.0.0.1:8081", "http://10.0.0.1:8081", false, true},
		"https://10.0.0.1:8081": {"10.0.0.1:8081", "https://10.0.0.1:8081", true, true},
		"https://10.0.0.1":      {"10.0.0.1", "https://10.0.0.1", true, false},
		"https://h:1/path":      {"h:1/path", "https://h:1/path", true, false},
	} {
		hostPort, secure := HostPort(http)
		if hostPort != want.hostPort || secure != want.secure || BaseURL(http) != want.base {
			t.Errorf("%s is %s, %v, %s", http, hostPort, secure, BaseURL(http))
		}
		m := node("a")
		m.HTTP = http
		if err := m.Validate(); (err == nil) != want.good {
			t.Errorf("%s: %v", http, err)
		}
		if want.good {
			if back, err := Open(Seal(m, nil)); err != nil || back != m {
				t.Errorf("%s is sealed and opened as %+v, %v", http, back, err)
			}
		}
	}
}
