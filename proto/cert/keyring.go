package cert

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Headers of requests and answers.
const (
	Header     = "Cim-Proof" // of a request: its proof
	TimeHeader = "Cim-Time"  // of a refusal: the callee's time in ms since 1970
)

const (
	// ProofLife is the largest difference between the time of a proof and the callee's clock.
	ProofLife = time.Minute
	// RecordLife is the largest allowed difference between the time of a member record and
	// the reader's clock. A node signs its record again after a third of RecordLife.
	RecordLife = time.Hour

	maxProof   = 1024 // characters of a proof; with the longest id they are about 400
	mostKnown  = 1024 // how many checked certificates are kept, and how many callees whose time was learned
	recordRest = 8 + ed25519.SignatureSize
	proofRest  = 8 + sha256.Size + ed25519.SignatureSize
)

// The errors of Check and CheckRecord. Both also return the errors of Open.
var (
	// ErrNone means that the request has no proof.
	ErrNone = errors.New("request has no proof")
	// ErrRole means that the process has another role.
	ErrRole = errors.New("certificate has another role")
	// ErrTime means that the proof or the record was made too long ago, or in the
	// future. The clocks differ, or somebody has recorded the signature and sent it
	// again.
	ErrTime = errors.New("signature of another time")
	// ErrSignature means that the signature was not made with the certificate's key, or
	// that it is for other data.
	ErrSignature = errors.New("signature is not valid")
)

// A Keyring proves its process to others, and checks their proofs. It is safe for
// concurrent use.
type Keyring struct {
	now func() time.Time
	id  atomic.Pointer[Identity]

	mu    sync.Mutex
	known map[string]Certificate   // certificates whose signatures were checked, by their binary form
	shift map[string]time.Duration // by callee: the difference to add to our time
}

// NewKeyring returns the keyring of a process with this identity and clock.
func NewKeyring(id *Identity, now func() time.Time) *Keyring {
	k := &Keyring{now: now, known: make(map[string]Certificate), shift: make(map[string]time.Duration)}
	k.Set(id)
	return k
}

// Set replaces the identity, for example by one that ends later.
func (k *Keyring) Set(id *Identity) {
	k.id.Store(id)
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.known) // the operators may have changed
}

// Certificate returns the certificate of this process.
func (k *Keyring) Certificate() Certificate { return k.id.Load().Certificate }

// Prove puts the proof of a request into its header. The parameter callee names the
// called process as that process names itself: for a node, the address in its member
// record; for a route, the empty string. The parameter target is the URL or address of
// the called process, as for Learn. The path includes the query.
func (k *Keyring) Prove(header http.Header, target, callee, method, path string, body []byte) {
	id := k.id.Load()
	k.mu.Lock()
	at := k.now().Add(k.shift[target])
	k.mu.Unlock()
	hash := sha256.Sum256(body)
	b := appendCertificate(nil, id.signed)
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMilli()))
	b = append(b, hash[:]...)
	b = append(b, ed25519.Sign(id.key, proofText(at.UnixMilli(), hash[:], callee, method, path))...)
	header.Set(Header, base64.RawURLEncoding.EncodeToString(b))
}

func appendCertificate(b, signed []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(signed))), signed...)
}

func proofText(at int64, hash []byte, callee, method, path string) []byte {
	b := append([]byte(proofPrefix), hash...)
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	for _, s := range []string{callee, method, path} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

// Learn reads the callee's time from the header of its refusal. It returns true if the
// request should be repeated with a new proof, because the clocks differ.
func (k *Keyring) Learn(target string, refusal http.Header) bool {
	ms, err := strconv.ParseInt(refusal.Get(TimeHeader), 10, 64)
	if err != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	shift := time.UnixMilli(ms).Sub(k.now())
	if change := shift - k.shift[target]; change.Abs() < ProofLife/2 {
		return false // the clocks do not differ enough to be the reason
	}
	if len(k.shift) >= mostKnown {
		clear(k.shift)
	}
	k.shift[target] = shift
	return true
}

// TellTime puts the time of this process into the header of a refusal. The caller's Learn
// reads it.
func (k *Keyring) TellTime(refusal http.Header) {
	refusal.Set(TimeHeader, strconv.FormatInt(k.now().UnixMilli(), 10))
}

// A Caller is a process that has proved itself.
type Caller struct {
	Certificate
	hash []byte
}

// Sent reports whether the caller has signed this body.
func (c Caller) Sent(body []byte) bool {
	hash := sha256.Sum256(body)
	return subtle.ConstantTimeCompare(c.hash, hash[:]) == 1
}

// Check returns the process that has proved itself in the request, if it has one of the
// roles. The parameter self is the name that this process has for itself, see Prove.
// Check does not read the body. So call Caller.Sent with the body afterwards. Errors wrap
// ErrNone, ErrRole, ErrTime, ErrSignature or an error of Open.
func (k *Keyring) Check(r *http.Request, self string, roles ...Role) (Caller, error) {
	text := r.Header.Get(Header)
	if text == "" {
		return Caller{}, ErrNone
	}
	if len(text) > maxProof {
		return Caller{}, fmt.Errorf("%w: proof of %d characters", ErrMalformed, len(text))
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Caller{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	c, rest, err := k.open(b, proofRest)
	switch {
	case err != nil:
		return Caller{}, err
	case !slices.Contains(roles, c.Role):
		return Caller{}, fmt.Errorf("%w: %v %s", ErrRole, c.Role, c.ID)
	}
	at, hash, signature := int64(binary.BigEndian.Uint64(rest)), rest[8:8+sha256.Size], rest[8+sha256.Size:]
	if !ed25519.Verify(c.Public, proofText(at, hash, self, r.Method, r.URL.RequestURI()), signature) {
		return Caller{}, fmt.Errorf("%w: %v %s", ErrSignature, c.Role, c.ID)
	}
	if err := k.timely(at, ProofLife); err != nil {
		return Caller{}, fmt.Errorf("%v %s: %w", c.Role, c.ID, err)
	}
	return Caller{Certificate: c, hash: hash}, nil
}

// open returns the certificate at the beginning of b, and the bytes after it, which must
// be size bytes.
func (k *Keyring) open(b []byte, size int) (Certificate, []byte, error) {
	if len(b) < 2 || len(b) != 2+int(binary.BigEndian.Uint16(b))+size {
		return Certificate{}, nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	signed, rest := b[2:len(b)-size], b[len(b)-size:]
	k.mu.Lock()
	c, ok := k.known[string(signed)]
	k.mu.Unlock()
	now := k.now()
	if ok && !now.After(c.NotAfter) {
		return c, rest, nil
	}
	c, err := Open(signed, now, k.id.Load().operators...)
	if err != nil {
		return Certificate{}, nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= mostKnown {
		clear(k.known)
	}
	k.known[string(signed)] = c
	return c, rest, nil
}

func (k *Keyring) timely(at int64, life time.Duration) error {
	if off := k.now().Sub(time.UnixMilli(at)); off.Abs() > life {
		return fmt.Errorf("%w: off by %v", ErrTime, off.Round(time.Second))
	}
	return nil
}

// SignRecord signs the member record text for the present time. The result is binary.
func (k *Keyring) SignRecord(text []byte) []byte {
	id, at := k.id.Load(), uint64(k.now().UnixMilli())
	b := binary.BigEndian.AppendUint64(appendCertificate(nil, id.signed), at)
	return append(b, ed25519.Sign(id.key, recordText(at, text))...)
}

func recordText(at uint64, text []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte(recordPrefix), at), text...)
}

// CheckRecord returns the node that signed the member record text. The signature must be
// at most RecordLife old, by the clock of this process or by one of the times in now,
// which come from other clocks. The errors are like those of Check. If the error wraps
// ErrTime, the certificate is returned, too.
func (k *Keyring) CheckRecord(signature, text []byte, now ...time.Time) (Certificate, error) {
	if len(signature) == 0 {
		return Certificate{}, ErrNone
	}
	c, rest, err := k.open(signature, recordRest)
	switch {
	case err != nil:
		return Certificate{}, err
	case c.Role != Node:
		return Certificate{}, fmt.Errorf("%w: %v %s", ErrRole, c.Role, c.ID)
	case !ed25519.Verify(c.Public, recordText(binary.BigEndian.Uint64(rest), text), rest[8:]):
		return Certificate{}, fmt.Errorf("%w: %v %s", ErrSignature, c.Role, c.ID)
	}
	at := int64(binary.BigEndian.Uint64(rest))
	for _, t := range now {
		if t.Sub(time.UnixMilli(at)).Abs() <= RecordLife {
			return c, nil
		}
	}
	return c, k.timely(at, RecordLife)
}
