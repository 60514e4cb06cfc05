package token

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
)

// Lifetimes. A ticket outlives a slow handshake and little more; a token
// outlives a holiday. Both are judged by the store's clock, in the step that reads the
// user's record, and not here: the clocks of routes and nodes decide nothing.
const (
	TicketLife = 2 * time.Minute
	TokenLife  = 30 * 24 * time.Hour
)

// Any is the Ticket.Displaces of a connection that may displace whatever
// connection of its device is live.
const Any int64 = -1

var (
	// ErrInvalid is returned for a ticket, token or proof that this cluster did not
	// make, whatever is wrong with it.
	ErrInvalid = errors.New("not made by this cluster")
	// ErrUnknownKey is the ErrInvalid of one that is whole, but made with a key that is
	// not among those given: there may be another one that somebody knows.
	ErrUnknownKey = fmt.Errorf("%w: no key that is known made it", ErrInvalid)
)

// ProofSize is how many bytes the proof of every ticket has.
const ProofSize = macSize

const (
	macSize  = 16   // bytes of HMAC-SHA256 that are kept
	maxInput = 2048 // characters; one for the longest name, device and node has some 800
)

// Ticket lets one connection in at one node. Its time is kept to the millisecond.
type Ticket struct {
	User      int64
	Name      string
	Device    string
	Number    int64 // the session's fencing token; it tells when the ticket was issued
	Displaces int64 // the only number it may displace; Any; 0: none may be live
	Node      string
	Expires   time.Time // for nodes of earlier versions, who judge it by their own clock
	Proof     []byte    // ProofSize bytes, set by Issuer.Ticket
}

// Token lets one device call the route. Its time is kept to the millisecond.
type Token struct {
	User    int64
	Name    string
	Device  string
	Number  int64     // of the login that it came with; zero: from before tokens had one
	Expires time.Time // by the store's clock
}

// Issuer makes and checks everything. Only routes have one. It is safe for
// concurrent use.
type Issuer struct {
	keys atomic.Pointer[[]*derived] // never empty; the first makes, all check
}

// derived are the keys that one route key gives.
type derived struct {
	private ed25519.PrivateKey
	proof   *maker
	token   *maker
}

// NewIssuer derives the keys from route keys, of at least 16 bytes each: everything
// is made with the first, and what any of them made is good. To change the route key
// give all routes (old, new), then (new, old), and (new) when what the old one made
// has expired.
func NewIssuer(routeKeys ...[]byte) (*Issuer, error) {
	i := new(Issuer)
	if err := i.Set(routeKeys...); err != nil {
		return nil, err
	}
	return i, nil
}

// Set replaces the route keys by others, in the same form. With an error everything
// stays as it was.
func (i *Issuer) Set(routeKeys ...[]byte) error {
	if len(routeKeys) == 0 {
		return errors.New("there is no route key")
	}
	var list []*derived
	for _, routeKey := range routeKeys {
		if len(routeKey) < 16 {
			return fmt.Errorf("route key has %d bytes, needs at least 16", len(routeKey))
		}
		keys := make(map[string][]byte, 3)
		for _, purpose := range []string{"ticket", "proof", "token"} {
			key, err := hkdf.Key(sha256.New, routeKey, nil, "cim "+purpose, 32)
			if err != nil {
				return fmt.Errorf("derive %s key: %w", purpose, err)
			}
			keys[purpose] = key
		}
		list = append(list, &derived{
			private: ed25519.NewKeyFromSeed(keys["ticket"]), proof: newMaker(keys["proof"]), token: newMaker(keys["token"]),
		})
	}
	i.keys.Store(&list)
	return nil
}

// Public returns the keys that nodes verify tickets with, one for each route key.
func (i *Issuer) Public() []ed25519.PublicKey {
	var list []ed25519.PublicKey
	for _, k := range *i.keys.Load() {
		list = append(list, k.private.Public().(ed25519.PublicKey))
	}
	return list
}

// Ticket returns t as text, with its proof filled in and signed. It fails only
// for names that are not UTF-8.
func (i *Issuer) Ticket(t Ticket) (string, error) {
	body, err := proto.Marshal(&TicketBody{
		User: t.User, Name: t.Name, Device: t.Device, Number: t.Number, Displaces: t.Displaces,
		Node: t.Node, Expires: t.Expires.UnixMilli(),
		Proof: i.Proof(t.User, t.Name, t.Device, t.Number, t.Node),
	})
	if err != nil {
		return "", fmt.Errorf("encode ticket: %w", err)
	}
	return text(append(body, ed25519.Sign((*i.keys.Load())[0].private, body)...)), nil
}

// Proof returns the MAC that a node hands back with what it reports. It has no
// expiry: the number and the node bound it.
func (i *Issuer) Proof(user int64, name, device string, number int64, node string) []byte {
	return (*i.keys.Load())[0].proofOf(user, name, device, number, node)
}

func (k *derived) proofOf(user int64, name, device string, number int64, node string) []byte {
	var room [256]byte
	b := binary.BigEndian.AppendUint64(room[:0], uint64(user))
	b = binary.BigEndian.AppendUint64(b, uint64(number))
	for _, s := range []string{name, device, node} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	return k.proof.mac(b)
}

// CheckProof returns ErrInvalid unless proof is what Proof gives, under any of the
// keys.
func (i *Issuer) CheckProof(proof []byte, user int64, name, device string, number int64, node string) error {
	for _, k := range *i.keys.Load() {
		if hmac.Equal(proof, k.proofOf(user, name, device, number, node)) {
			return nil
		}
	}
	return ErrInvalid
}

// Token returns t as text, with its MAC. It fails only for names that are not
// UTF-8.
func (i *Issuer) Token(t Token) (string, error) {
	body, err := proto.Marshal(&TokenBody{User: t.User, Name: t.Name, Device: t.Device, Number: t.Number, Expires: t.Expires.UnixMilli()})
	if err != nil {
		return "", fmt.Errorf("encode token: %w", err)
	}
	return text(append(body, (*i.keys.Load())[0].token.mac(body)...)), nil
}

// VerifyToken returns what the token says, or ErrInvalid or ErrUnknownKey. Whether it has expired, or its
// device has logged out, is for the store to say.
func (i *Issuer) VerifyToken(s string) (Token, error) {
	b, err := bytesOf(s)
	if err != nil || len(b) < macSize {
		return Token{}, ErrInvalid
	}
	body, mac := b[:len(b)-macSize], b[len(b)-macSize:]
	good := slices.ContainsFunc(*i.keys.Load(), func(k *derived) bool { return hmac.Equal(mac, k.token.mac(body)) })
	var t TokenBody
	switch err := proto.Unmarshal(body, &t); {
	case !good && (err != nil || t.User <= 0 || t.Device == "" || t.Expires <= 0):
		return Token{}, ErrInvalid
	case !good:
		return Token{}, ErrUnknownKey
	case err != nil:
		return Token{}, ErrInvalid
	}
	return Token{User: t.User, Name: t.Name, Device: t.Device, Number: t.Number, Expires: time.UnixMilli(t.Expires)}, nil
}

// Verifier checks tickets at a node. It is safe for concurrent use.
type Verifier struct {
	keys atomic.Pointer[[]ed25519.PublicKey]

	mu   sync.Mutex
	told []toldKey // by Learn
}

// toldKey is a key and when it was told last.
type toldKey struct {
	key ed25519.PublicKey
	at  time.Time
}

const (
	// keepKey is for how long a key verifies that no route tells any more: tickets that
	// were made with it are still on their way, and another route may tell it again.
	keepKey = TicketLife + time.Minute
	// mostKeys bounds the keys that are tried.
	mostKeys = 8
)

// NewVerifier takes the public keys of the routes: one, or two while the route
// key is being changed. Without any it refuses every ticket until Set.
func NewVerifier(keys ...ed25519.PublicKey) *Verifier {
	v := new(Verifier)
	v.Set(keys...)
	return v
}

// Learn takes over the keys that a route tells now. Others that were told in the last
// three minutes stay, because not all routes may know all keys while they are changed.
// It returns an error and changes nothing if there is none or one is no key.
func (v *Verifier) Learn(told [][]byte, now time.Time) error {
	keys := make([]ed25519.PublicKey, 0, len(told))
	for _, key := range told {
		if len(key) != ed25519.PublicKeySize {
			return fmt.Errorf("public key of %d bytes", len(key))
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return errors.New("no public key")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]toldKey, 0, len(keys)+len(v.told))
	for _, key := range keys {
		list = append(list, toldKey{key, now})
	}
	for _, key := range *v.keys.Load() { // those that Set gave
		if !slices.ContainsFunc(v.told, func(t toldKey) bool { return t.key.Equal(key) }) {
			v.told = append(v.told, toldKey{key, now})
		}
	}
	for _, t := range v.told {
		if now.Sub(t.at) < keepKey && len(keys) < mostKeys && !slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(t.key) }) {
			list, keys = append(list, t), append(keys, t.key)
		}
	}
	v.told = list
	v.Set(keys...)
	return nil
}

// Set replaces the keys. It panics on a key of a wrong length, which is for Learn to
// refuse.
func (v *Verifier) Set(keys ...ed25519.PublicKey) {
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			panic("token: public key has a wrong length")
		}
	}
	v.keys.Store(&keys)
}

// Ready reports whether there is a key to verify with.
func (v *Verifier) Ready() bool { return len(*v.keys.Load()) > 0 }

// Ticket returns what the ticket says, or ErrInvalid or ErrUnknownKey. Whether it names this node is for
// the caller to check, and whether it has expired for the store. It costs a signature check for each key that is tried, 40 us, see
// BenchmarkVerifyTicket.
func (v *Verifier) Ticket(s string) (Ticket, error) {
	b, err := bytesOf(s)
	if err != nil || len(b) < ed25519.SignatureSize {
		return Ticket{}, ErrInvalid
	}
	body, signature := b[:len(b)-ed25519.SignatureSize], b[len(b)-ed25519.SignatureSize:]
	var t TicketBody
	if err := proto.Unmarshal(body, &t); err != nil || len(t.Proof) != ProofSize {
		return Ticket{}, ErrInvalid
	}
	if !v.signed(body, signature) {
		return Ticket{}, ErrUnknownKey
	}
	return Ticket{
		User: t.User, Name: t.Name, Device: t.Device, Number: t.Number, Displaces: t.Displaces,
		Node: t.Node, Expires: time.UnixMilli(t.Expires), Proof: t.Proof,
	}, nil
}

func (v *Verifier) signed(body, signature []byte) bool {
	for _, key := range *v.keys.Load() {
		if ed25519.Verify(key, body, signature) {
			return true
		}
	}
	return false
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// bytesOf undoes text, and nothing else: one ticket has one spelling. Strict
// refuses stray bits in the last character, but base64 skips line ends.
func bytesOf(s string) ([]byte, error) {
	if len(s) > maxInput || strings.ContainsAny(s, "\r\n") {
		return nil, ErrInvalid
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}
