package cert

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Role says what a process may do.
type Role uint8

// The roles.
const (
	Node     Role = 1 // holds connections and calls routes
	Route    Role = 2 // pushes to nodes and takes the calls of nodes
	Operator Role = 3 // drains nodes
)

var roleNames = map[Role]string{Node: "node", Route: "route", Operator: "operator"}

// String returns the role's lower-case name.
func (r Role) String() string {
	if name, ok := roleNames[r]; ok {
		return name
	}
	return "role(" + strconv.Itoa(int(r)) + ")"
}

// Limits of a certificate.
const (
	MaxID     = 64      // bytes of an id, as in a member
	MaxWeight = 1 << 20 // the largest weight of a node, as in a member
)

// A Certificate says which process has a public key, and what it may do.
type Certificate struct {
	Role     Role
	ID       string // 1 to MaxID printable ASCII bytes without space : / and comma
	Weight   int    // the largest weight with which a node may join, 1 to MaxWeight; 0 in other roles
	Public   ed25519.PublicKey
	NotAfter time.Time // exact to seconds
}

// Errors that Open wraps.
var (
	// ErrMalformed means that the bytes are no certificate, proof or record.
	ErrMalformed = errors.New("malformed certificate")
	// ErrForeign means that no known operator signed the certificate.
	ErrForeign = errors.New("certificate of an unknown operator")
	// ErrExpired means that the certificate has expired.
	ErrExpired = errors.New("certificate has expired")
)

// The form of a certificate, integers big-endian:
//
//	version 1 | role 1 | weight 4 | end 8, in s since 1970 | length of id 1, id | public key 32 | signature 64
const (
	version   = 1
	certFixed = 1 + 1 + 4 + 8 + 1 + ed25519.PublicKeySize + ed25519.SignatureSize
)

// Each kind of signature has a prefix of its own, so that no signature is valid as
// another kind.
const (
	certPrefix   = "cim certificate 1\x00"
	proofPrefix  = "cim proof 1\x00"
	recordPrefix = "cim member 1\x00"
)

// Check returns an error that names the first wrong field.
func (c Certificate) Check() error {
	switch {
	case roleNames[c.Role] == "":
		return fmt.Errorf("unknown %v", c.Role)
	case c.ID == "" || len(c.ID) > MaxID || strings.ContainsFunc(c.ID, badInID):
		return fmt.Errorf("id %q: want 1 to %d printable ASCII characters without space, colon, slash and comma", c.ID, MaxID)
	case c.Role == Node && (c.Weight < 1 || c.Weight > MaxWeight):
		return fmt.Errorf("largest weight %d: want 1 to %d", c.Weight, MaxWeight)
	case c.Role != Node && c.Weight != 0:
		return fmt.Errorf("largest weight %d of a %v: want none", c.Weight, c.Role)
	case len(c.Public) != ed25519.PublicKeySize:
		return fmt.Errorf("public key of %d bytes, want %d", len(c.Public), ed25519.PublicKeySize)
	case c.NotAfter.Unix() <= 0:
		return errors.New("certificate has no end")
	}
	return nil
}

func badInID(r rune) bool {
	return r <= ' ' || r >= 0x7f || r == ':' || r == '/' || r == ','
}

// Sign returns c in binary form, signed with the operator's key. Its errors are those of
// Check.
func (c Certificate) Sign(operator ed25519.PrivateKey) ([]byte, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	b := append(make([]byte, 0, certFixed+len(c.ID)), version, byte(c.Role))
	b = binary.BigEndian.AppendUint32(b, uint32(c.Weight))
	b = binary.BigEndian.AppendUint64(b, uint64(c.NotAfter.Unix()))
	b = append(b, byte(len(c.ID)))
	b = append(b, c.ID...)
	b = append(b, c.Public...)
	return append(b, ed25519.Sign(operator, append([]byte(certPrefix), b...))...), nil
}

// Open returns the certificate in b if one of the operators signed it and it has not
// expired at the time now. Errors wrap ErrMalformed, ErrForeign or ErrExpired. The bytes
// b may come from strangers, and Open does not keep them.
func Open(b []byte, now time.Time, operators ...ed25519.PublicKey) (Certificate, error) {
	if len(b) <= certFixed || b[0] != version || len(b) != certFixed+int(b[14]) {
		return Certificate{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	body, signature := b[:len(b)-ed25519.SignatureSize], b[len(b)-ed25519.SignatureSize:]
	signed := append([]byte(certPrefix), body...)
	good := false
	for _, operator := range operators {
		good = good || len(operator) == ed25519.PublicKeySize && ed25519.Verify(operator, signed, signature)
	}
	if !good {
		return Certificate{}, ErrForeign
	}
	id := body[15 : 15+int(b[14])]
	c := Certificate{
		Role: Role(b[1]), ID: string(id), Weight: int(binary.BigEndian.Uint32(b[2:])),
		Public:   append(ed25519.PublicKey(nil), body[15+len(id):]...),
		NotAfter: time.Unix(int64(binary.BigEndian.Uint64(b[6:])), 0),
	}
	if err := c.Check(); err != nil {
		return Certificate{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if now.After(c.NotAfter) {
		return Certificate{}, fmt.Errorf("%w: %v %s, on %s", ErrExpired, c.Role, c.ID, c.NotAfter.UTC().Format(time.DateOnly))
	}
	return c, nil
}
