package ring

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestValidateNamesWhatIsWrong(t *testing.T) {
	if err := node("a").Validate(); err != nil {
		t.Fatalf("a good member is refused: %v", err)
	}
	for want, change := range map[string]func(*Member){
		"id of 0 bytes":   func(m *Member) { m.ID = "" },
		"id of 65 bytes":  func(m *Member) { m.ID = strings.Repeat("a", 65) },
		`id "a b"`:        func(m *Member) { m.ID = "a b" },
		`id "a:b"`:        func(m *Member) { m.ID = "a:b" },
		`id "a/b"`:        func(m *Member) { m.ID = "a/b" },
		`id "é"`:          func(m *Member) { m.ID = "é" },
		"weight 0":        func(m *Member) { m.Weight = 0 },
		"weight 1048577":  func(m *Member) { m.Weight = MaxWeight + 1 },
		"load -1":         func(m *Member) { m.Load = -1 },
		"load 256":        func(m *Member) { m.Load = 256 },
		"state(3)":        func(m *Member) { m.State = 3 },
		"client address":  func(m *Member) { m.Client = "nowhere" },
		"http address":    func(m *Member) { m.HTTP = "host:0" },
		"gossip address":  func(m *Member) { m.Gossip = ":7946" },
		"at most 255":     func(m *Member) { m.Zone = strings.Repeat("z", 256) },
		"shorten the nam": func(m *Member) { m.Zone = strings.Repeat("z", 255); m.Client = m.Zone[:240] + ":1" },
	} {
		m := node("a")
		change(&m)
		if err := m.Validate(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

func TestMemberJSONIsGolden(t *testing.T) {
	m := Member{
		ID: "node-1", Boot: 0xfedcba9876543210, Client: "im.example.com:11211", TLS: true, HTTP: "10.0.0.1:8081",
		Gossip: "10.0.0.1:7946", Zone: "a", Weight: 100, State: Draining, Load: 3,
	}
	want := `{"id":"node-1","boot":"fedcba9876543210","client":"im.example.com:11211","tls":true,` +
		`"http":"10.0.0.1:8081","gossip":"10.0.0.1:7946","zone":"a","weight":100,"state":"draining","load":3}`
	got, err := json.Marshal(m)
	if err != nil || string(got) != want {
		t.Errorf("member is %s, %v, want %s", got, err, want)
	}
	var back Member
	if err := json.Unmarshal(got, &back); err != nil || back != m {
		t.Errorf("read back as %+v, %v", back, err)
	}
	for _, bad := range []string{`{"boot":"xyz"}`, `{"boot":"0","state":"gone"}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s is read as a member", bad)
		}
	}
}
