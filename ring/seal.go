package ring

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// The sealed form, version 1, integers big-endian:
//
//	version 1 | flags 1 | state 1 | load 1 | weight 4 | boot 8
//	id, client, http, gossip, zone: each length 1, bytes
//	signed: length 1, bytes, if flagSigned is set
//	mac 16, if flagMAC is set: HMAC-SHA256 of all bytes before it, truncated
//
// A reader of version 1 refuses other versions and trailing bytes. So under one key, a
// member has exactly one sealed form.
const (
	sealVersion = 1
	sealFixed   = 16 // bytes before the strings
	macSize     = 16

	flagMAC = 1 << 0
	flagTLS = 1 << 1

	flagSigned = 1 << 2 // earlier releases ignore such a member
)

// Errors that Open wraps.
var (
	// ErrBadMAC means that none of the given keys made the member's MAC. It is also
	// returned for a member without a MAC if a key was given, and for a member with a MAC
	// if no key was given.
	ErrBadMAC = errors.New("member has no valid MAC")
	// ErrMalformed means that the bytes are not a sealed member of version 1, or that
	// Validate refuses the member.
	ErrMalformed = errors.New("malformed member")
	// ErrNotAdmitted means that the function of Keys.Admit refused the member.
	ErrNotAdmitted = errors.New("member is not admitted")
)

func sealedSize(m Member) int {
	size := sealFixed + 5 + len(m.ID) + len(m.Client) + len(m.HTTP) + len(m.Gossip) + len(m.Zone) + macSize
	if m.Signed != "" {
		size += 1 + len(m.Signed)
	}
	return size
}

// Seal returns m's binary form with its MAC under key, or without a MAC if key is empty.
// m must pass Validate. Seal panics if a string of m is too long.
func Seal(m Member, key Key) []byte {
	var flags byte
	if len(key) > 0 {
		flags |= flagMAC
	}
	b := appendMember(make([]byte, 0, sealedSize(m)), m, flags)
	if len(key) > 0 {
		b = append(b, mac(b, key)...)
	}
	return b
}

func appendMember(b []byte, m Member, flags byte) []byte {
	if m.TLS {
		flags |= flagTLS
	}
	strings := []string{m.ID, m.Client, m.HTTP, m.Gossip, m.Zone}
	if m.Signed != "" {
		flags |= flagSigned
		strings = append(strings, m.Signed)
	}
	b = append(b, sealVersion, flags, byte(m.State), byte(m.Load))
	b = binary.BigEndian.AppendUint32(b, uint32(m.Weight))
	b = binary.BigEndian.AppendUint64(b, m.Boot)
	for _, s := range strings {
		if len(s) > 255 {
			panic("ring: seal a member that does not validate")
		}
		b = append(b, byte(len(s)))
		b = append(b, s...)
	}
	return b
}

func mac(b []byte, key Key) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(b)
	return h.Sum(nil)[:macSize]
}

// Open returns the member in b if one of the keys sealed it. If all keys are empty, it
// opens only members without a MAC. Errors wrap ErrBadMAC or ErrMalformed. The bytes b
// may come from untrusted sources. Open does not keep them.
func Open(b []byte, keys ...Key) (Member, error) {
	if len(b) < sealFixed || len(b) > MaxSealed || b[0] != sealVersion || b[1]&^(flagMAC|flagTLS|flagSigned) != 0 {
		return Member{}, fmt.Errorf("open member of %d bytes: %w", len(b), ErrMalformed)
	}
	body, ok := verify(b, keys)
	if !ok {
		return Member{}, fmt.Errorf("open member: %w", ErrBadMAC)
	}
	m, ok := decodeMember(body)
	if !ok {
		return Member{}, fmt.Errorf("open member: %w", ErrMalformed)
	}
	if err := m.Validate(); err != nil {
		return Member{}, fmt.Errorf("open member: %w: %w", ErrMalformed, err)
	}
	return m, nil
}

// verify returns b without its MAC. ok is true if one of keys made the MAC, or if there
// are neither keys nor a MAC. Open calls it first, so that untrusted bytes are not
// decoded.
func verify(b []byte, keys []Key) (body []byte, ok bool) {
	sealed, keyed := b[1]&flagMAC != 0, false
	for _, key := range keys {
		if len(key) == 0 {
			continue
		}
		keyed = true
		if cut := len(b) - macSize; sealed && cut >= sealFixed && hmac.Equal(b[cut:], mac(b[:cut], key)) {
			return b[:cut], true
		}
	}
	return b, !keyed && !sealed
}

// decodeMember reads what appendMember wrote. b has at least sealFixed bytes.
func decodeMember(b []byte) (m Member, ok bool) {
	m = Member{
		TLS:    b[1]&flagTLS != 0,
		State:  State(b[2]),
		Load:   int(b[3]),
		Weight: int(binary.BigEndian.Uint32(b[4:])),
		Boot:   binary.BigEndian.Uint64(b[8:]),
	}
	strings := []*string{&m.ID, &m.Client, &m.HTTP, &m.Gossip, &m.Zone}
	signed := b[1]&flagSigned != 0
	if signed {
		strings = append(strings, &m.Signed)
	}
	b = b[sealFixed:]
	for _, s := range strings {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			return Member{}, false
		}
		n := int(b[0])
		*s, b = string(b[1:1+n]), b[1+n:]
	}
	return m, len(b) == 0 && signed == (m.Signed != "")
}

// Sealed is a member in JSON, for HTTP and ZooKeeper. It has the member's fields for
// people, and the sealed bytes in base64. Programs read the sealed bytes only.
type Sealed struct {
	member Member // written for people and never read
	bytes  []byte
}

// Sealed returns m, sealed with the primary key, in a form for JSON.
func (k *Keys) Sealed(m Member) Sealed { return Sealed{member: m, bytes: k.Seal(m)} }

// Open returns the member if one of the keys sealed it. Errors are those of the
// function Open.
func (s Sealed) Open(k *Keys) (Member, error) { return k.Open(s.bytes) }

// MarshalJSON writes the fields and the sealed bytes.
func (s Sealed) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		memberJSON
		Sealed []byte `json:"sealed"`
	}{s.member.json(), s.bytes})
}

// UnmarshalJSON reads the sealed bytes only. It ignores the fields for people, which
// nothing authenticates.
func (s *Sealed) UnmarshalJSON(b []byte) error {
	var j struct {
		Sealed []byte `json:"sealed"`
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	s.member, s.bytes = Member{}, j.Sealed
	return nil
}
