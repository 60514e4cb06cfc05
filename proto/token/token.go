package token

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
)

// Lifetimes of tickets and tokens. A ticket is valid long enough for a slow handshake,
// and a token long enough for a holiday. The store checks both by its own clock when it
// reads the user's record.
const (
	TicketLife = 2 * time.Minute
	TokenLife  = 30 * 24 * time.Hour

	// ProofLife is how long a proof is valid if proofs expire. Nodes get another one for
	// each live session about every 30 s, with their reconciliation.
	ProofLife = 2 * time.Minute
)

// Any is the Ticket.Displaces of a connection that may displace any live connection of
// its device.
const Any int64 = -1

var (
	// ErrInvalid is returned for a ticket, token or proof that this cluster did not make.
	ErrInvalid = errors.New("not made by this cluster")
	// ErrUnknownKey wraps ErrInvalid. It is returned for a well-formed ticket or token
	// whose key is not among the given ones. Another process may have that key.
	ErrUnknownKey = fmt.Errorf("%w: made with an unknown key", ErrInvalid)
)

// ProofSize is the size of a proof in bytes.
const ProofSize = macSize

const (
	macSize  = 16   // how many bytes of an HMAC-SHA256 are used
	maxInput = 2048 // characters of a ticket or token; with the longest name, device and node they have about 800
)

// Ticket admits one connection at one node. Its time is exact to milliseconds.
type Ticket struct {
	User      int64
	Name      string
	Device    string
	Number    int64 // the session's number, which fences it and contains the time of issue
	Displaces int64 // the number of the only session that it may displace, or Any; 0: no session may be live
	Node      string
	Expires   time.Time // for nodes of earlier versions, which check it by their own clock
	ProofEnds time.Time // when its proof expires, exact to seconds; zero: never. This is not in the ticket
	Proof     []byte    // ProofSize bytes, set by Issuer.Ticket
}

// Token lets one device call the route. Its time is exact to milliseconds.
type Token struct {
	User    int64
	Name    string
	Device  string
	Number  int64     // number of the login that returned it; zero: an early version made the token
	Expires time.Time // by the store's clock
	Access  bool      // the token belongs to a refresh token, and is valid only for minutes
}

// Issuer makes and checks tickets, proofs, tokens and refresh tokens. Only routes have one.
// It is safe for concurrent use.
type Issuer struct {
	keys atomic.Pointer[[]*derived] // never empty; the first one makes credentials, and all of them check
}

// derived has the keys that are derived from one route key.
type derived struct {
	private ed25519.PrivateKey
	proof   *maker
	token   *maker
	digest  *maker
	refresh *maker
}

// NewIssuer derives the keys from route keys of at least 16 bytes each. The first key
// makes credentials, and all keys check them. To rotate the route key, set (old, new) at
// all routes, then (new, old), and then (new) when the old key's credentials have
// expired.
func NewIssuer(routeKeys ...[]byte) (*Issuer, error) {
	i := new(Issuer)
	if err := i.Set(routeKeys...); err != nil {
		return nil, err
	}
	return i, nil
}

// Set replaces the route keys. After an error the keys are unchanged. See NewIssuer.
func (i *Issuer) Set(routeKeys ...[]byte) error {
	if len(routeKeys) == 0 {
		return errors.New("there is no route key")
	}
	var list []*derived
	for _, routeKey := range routeKeys {
		if len(routeKey) < 16 {
			return fmt.Errorf("route key has %d bytes, needs at least 16", len(routeKey))
		}
		keys := make(map[string][]byte, 5)
		for _, purpose := range []string{"ticket", "proof", "token", "refresh", "digest"} {
			key, err := hkdf.Key(sha256.New, routeKey, nil, "cim "+purpose, 32)
			if err != nil {
				return fmt.Errorf("derive %s key: %w", purpose, err)
			}
			keys[purpose] = key
		}
		list = append(list, &derived{
			private: ed25519.NewKeyFromSeed(keys["ticket"]), proof: newMaker(keys["proof"]), token: newMaker(keys["token"]),
			refresh: newMaker(keys["refresh"]), digest: newMaker(keys["digest"]),
		})
	}
	i.keys.Store(&list)
	return nil
}

// Public returns the public keys with which nodes verify tickets, one per route key.
func (i *Issuer) Public() []ed25519.PublicKey {
	var list []ed25519.PublicKey
	for _, k := range *i.keys.Load() {
		list = append(list, k.private.Public().(ed25519.PublicKey))
	}
	return list
}

// Ticket returns t as text, with its proof and signed. The only error is a name that is
// not UTF-8.
func (i *Issuer) Ticket(t Ticket) (string, error) {
	body, err := proto.Marshal(&TicketBody{
		User: t.User, Name: t.Name, Device: t.Device, Number: t.Number, Displaces: t.Displaces,
		Node: t.Node, Expires: t.Expires.UnixMilli(),
		Proof: i.ProofUntil(t.ProofEnds, t.User, t.Name, t.Device, t.Number, t.Node),
	})
	if err != nil {
		return "", fmt.Errorf("encode ticket: %w", err)
	}
	return text(append(body, ed25519.Sign((*i.keys.Load())[0].private, body)...)), nil
}

// Token returns t as text, with its MAC. The only error is a name that is not UTF-8.
func (i *Issuer) Token(t Token) (string, error) {
	body, err := proto.Marshal(&TokenBody{
		User: t.User, Name: t.Name, Device: t.Device, Number: t.Number, Expires: t.Expires.UnixMilli(), Access: t.Access,
	})
	if err != nil {
		return "", fmt.Errorf("encode token: %w", err)
	}
	return text(append(body, (*i.keys.Load())[0].token.mac(body)...)), nil
}

// VerifyToken returns the token's fields, or ErrInvalid or ErrUnknownKey. The store checks
// whether the token has expired and whether its device has logged out.
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
	return Token{User: t.User, Name: t.Name, Device: t.Device, Number: t.Number, Expires: time.UnixMilli(t.Expires), Access: t.Access}, nil
}

// Digests returns a MAC of s for each route key, as hexadecimal text. The first MAC is by
// the key that makes credentials. Digests are for values that routes must recognise, but
// that nobody may read in the store.
func (i *Issuer) Digests(s string) []string {
	var list []string
	for _, k := range *i.keys.Load() {
		list = append(list, hex.EncodeToString(k.digest.mac([]byte(s))))
	}
	return list
}

// Verifier checks tickets at a node. It is safe for concurrent use.
type Verifier struct {
	keys atomic.Pointer[[]ed25519.PublicKey]

	mu      sync.Mutex
	learned []learnedKey // guarded by mu
}

// learnedKey is a key and when a route last returned it.
type learnedKey struct {
	key ed25519.PublicKey
	at  time.Time
}

const (
	// keepKey is how long a key stays after a route last returned it. Clients may still
	// have tickets of this key, and another route may return it again.
	keepKey = TicketLife + time.Minute
	// mostKeys bounds the number of keys, because a ticket may have to be checked with
	// each of them.
	mostKeys = 8
)

// NewVerifier returns a Verifier with the routes' public keys: usually one, or two while
// the route key is rotated. Without a key it refuses every ticket until Set or Learn is
// called.
func NewVerifier(keys ...ed25519.PublicKey) *Verifier {
	v := new(Verifier)
	v.Set(keys...)
	return v
}

// Learn adds the keys that a route has returned. Keys that a route returned within the
// last three minutes stay, because routes may have different keys during a rotation. It
// returns an error and changes nothing if there is no key or a key has a wrong length.
func (v *Verifier) Learn(public [][]byte, now time.Time) error {
	keys := make([]ed25519.PublicKey, 0, len(public))
	for _, key := range public {
		if len(key) != ed25519.PublicKeySize {
			return fmt.Errorf("public key has the wrong length of %d bytes", len(key))
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return errors.New("public keys are missing")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]learnedKey, 0, len(keys)+len(v.learned))
	for _, key := range keys {
		list = append(list, learnedKey{key, now})
	}
	for _, key := range *v.keys.Load() { // this includes the keys of Set
		if !slices.ContainsFunc(v.learned, func(t learnedKey) bool { return t.key.Equal(key) }) {
			v.learned = append(v.learned, learnedKey{key, now})
		}
	}
	for _, t := range v.learned {
		if now.Sub(t.at) < keepKey && len(keys) < mostKeys && !slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(t.key) }) {
			list, keys = append(list, t), append(keys, t.key)
		}
	}
	v.learned = list
	v.Set(keys...)
	return nil
}

// Set replaces the keys. It panics if a key has a wrong length. Use Learn for untrusted
// keys.
func (v *Verifier) Set(keys ...ed25519.PublicKey) {
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			panic("token: public key has a wrong length")
		}
	}
	v.keys.Store(&keys)
}

// Ready reports whether the verifier has a key.
func (v *Verifier) Ready() bool { return len(*v.keys.Load()) > 0 }

// Ticket returns the ticket's fields, or ErrInvalid or ErrUnknownKey. The caller checks
// whether the ticket is for this node, and the store checks whether it has expired. The
// call costs up to one signature check of 40 us per key; see BenchmarkVerifyTicket.
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

// bytesOf is the inverse of text. A ticket must have only one text form. So bytesOf
// refuses extra bits in the last character (Strict), and line ends, which base64 would
// skip.
func bytesOf(s string) ([]byte, error) {
	if len(s) > maxInput || strings.ContainsAny(s, "\r\n") {
		return nil, ErrInvalid
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}
