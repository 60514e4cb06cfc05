package ring

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limits of a member, which Validate checks.
const (
	MaxID     = 64      // bytes of an id
	MaxWeight = 1 << 20 // the largest capacity, so that shares keep their precision
	MaxLoad   = 255     // eighths; a member with more load publishes this
	MaxSealed = 512     // bytes of a sealed member: memberlist's limit of metadata
)

// Every error of Validate wraps ErrInvalid. An invalid member cannot be sealed.
var ErrInvalid = errors.New("invalid member")

// A State says whether a member accepts new users.
type State uint8

// The states, in the order in which a member passes through them. Only Serving members
// are on the ring.
const (
	Joining  State = iota // known to others, but not ready
	Serving               // takes new users
	Draining              // leaves soon: keeps its users for a while, takes no new ones
)

var stateNames = [...]string{Joining: "joining", Serving: "serving", Draining: "draining"}

// String returns the state's lower-case name.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "state(" + strconv.Itoa(int(s)) + ")"
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("parse state %q: want joining, serving or draining", text)
}

// A Member describes a node to the others. It is a value: copy it and compare it with
// ==.
type Member struct {
	ID     string // 1 to MaxID printable ASCII bytes without space : / and comma; unique in the cluster
	Boot   uint64 // random, new at every start; only compared for equality
	Client string // address for clients: host:port for TCP and WebSocket, or the URL of a WebSocket, wss://host:port/path
	TLS    bool   // Client is host:port and speaks TLS
	HTTP   string // address of the internal HTTP: host:port, or https://host:port if others must call it over TLS
	Gossip string // host:port of gossip, or empty
	Zone   string // failure domain, or empty
	Weight int    // capacity in a unit of the operator's choice, 1 to MaxWeight
	State  State
	Load   int // eighths of the capacity, rounded down, 0 to MaxLoad
	// Signed is the node's own signature of Identity in binary form, or empty. Package
	// ring does not read it. Programs make and check it (see Keys.Admit).
	Signed string
}

// Identity returns the bytes that a node signs. They contain all fields of its member
// except State, Load and Signed, which change often. m must pass Validate.
func (m Member) Identity() []byte {
	m.State, m.Load, m.Signed = 0, 0, ""
	return appendMember(nil, m, 0)
}

// Validate returns an error that wraps ErrInvalid and names the first field
// that is wrong.
func (m Member) Validate() error {
	if err := m.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func (m Member) check() error {
	switch {
	case m.ID == "" || len(m.ID) > MaxID:
		return fmt.Errorf("id of %d bytes, want 1 to %d", len(m.ID), MaxID)
	case strings.ContainsFunc(m.ID, badInID):
		return fmt.Errorf("id %q: want printable ASCII without space, colon, slash and comma", m.ID)
	case m.Weight < 1 || m.Weight > MaxWeight:
		return fmt.Errorf("weight %d, want 1 to %d", m.Weight, MaxWeight)
	case m.Load < 0 || m.Load > MaxLoad:
		return fmt.Errorf("load %d, want 0 to %d eighths", m.Load, MaxLoad)
	case int(m.State) >= len(stateNames):
		return fmt.Errorf("unknown %v", m.State)
	}
	if _, err := parseClient(m.Client); err != nil {
		return err
	}
	if err := checkHTTP(m.HTTP); err != nil {
		return err
	}
	if m.Gossip != "" {
		if err := checkHostPort("gossip address", m.Gossip); err != nil {
			return err
		}
	}
	for _, s := range []string{m.Client, m.HTTP, m.Gossip, m.Zone, m.Signed} {
		if len(s) > 255 { // in the sealed form, its length has one byte
			return fmt.Errorf("%.16q... has %d bytes, want at most 255", s, len(s))
		}
	}
	if n := sealedSize(m); n > MaxSealed {
		return fmt.Errorf("%d bytes when sealed, want at most %d: shorten the names", n, MaxSealed)
	}
	return nil
}

func badInID(r rune) bool {
	return r <= ' ' || r >= 0x7f || r == ':' || r == '/' || r == ','
}

// memberJSON is the JSON form of a member, for people and for Sealed. Names are lower
// case. The boot is a string because JavaScript's numbers are exact only up to 2^53.
type memberJSON struct {
	ID     string `json:"id"`
	Boot   string `json:"boot"`
	Client string `json:"client"`
	TLS    bool   `json:"tls"`
	HTTP   string `json:"http"`
	Gossip string `json:"gossip,omitempty"`
	Zone   string `json:"zone,omitempty"`
	Weight int    `json:"weight"`
	State  State  `json:"state"`
	Load   int    `json:"load"`
}

func (m Member) json() memberJSON {
	return memberJSON{
		ID: m.ID, Boot: fmt.Sprintf("%016x", m.Boot), Client: m.Client, TLS: m.TLS, HTTP: m.HTTP,
		Gossip: m.Gossip, Zone: m.Zone, Weight: m.Weight, State: m.State, Load: m.Load,
	}
}

// MarshalJSON writes the member with lower-case names, its boot as 16 hex digits.
func (m Member) MarshalJSON() ([]byte, error) { return json.Marshal(m.json()) }

// UnmarshalJSON reads what MarshalJSON wrote. It neither validates the member nor
// authenticates it; see Open.
func (m *Member) UnmarshalJSON(b []byte) error {
	var j memberJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	boot, err := strconv.ParseUint(j.Boot, 16, 64)
	if err != nil {
		return fmt.Errorf("parse boot of member %q: %w", j.ID, err)
	}
	*m = Member{
		ID: j.ID, Boot: boot, Client: j.Client, TLS: j.TLS, HTTP: j.HTTP,
		Gossip: j.Gossip, Zone: j.Zone, Weight: j.Weight, State: j.State, Load: j.Load,
	}
	return nil
}
