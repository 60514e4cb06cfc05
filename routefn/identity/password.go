package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/record/accounts"
)

// The cost of hashing a password, as OWASP recommends for Argon2id (2023): 19 MiB, two
// passes, one lane. A stored credential names its own cost. So old credentials stay
// valid if the cost is raised here.
const (
	argonMemory = 19 << 10 // KiB
	argonPasses = 2
	argonLanes  = 1
	saltSize    = 16
	hashSize    = 32
)

// passwords makes and verifies credentials. Hashing takes half of the processors at most,
// and at least one. It is safe for concurrent use.
type passwords struct {
	turns    *turns
	observer Observer
	unknown  credential // a password for an account that does not exist is compared with this
}

// newPasswords returns passwords for the number of processors that Go uses now.
func newPasswords(o Observer) *passwords {
	return &passwords{
		turns: newTurns(max(1, runtime.GOMAXPROCS(0)/2)), observer: o,
		unknown: credential{argonMemory, argonPasses, argonLanes, make([]byte, saltSize), make([]byte, hashSize)},
	}
}

// hash returns the credential of a password in the PHC string format. It blocks until
// the password has its turn. The error has the code Overloaded, or is the error of ctx.
func (p *passwords) hash(ctx context.Context, by claim, password string) (credential string, err error) {
	err = p.inTurn(ctx, by, func() bool {
		credential = newCredential(password).String()
		return true
	})
	return credential, err
}

// inTurn waits for a turn and runs the function f, which hashes a password and reports
// whether it is right. After a wrong password from a strange address, inTurn rests: see
// turns. Until inTurn returns, the request's place in load shedding is free for others.
func (p *passwords) inTurn(ctx context.Context, by claim, f func() (right bool)) error {
	defer admission.Aside(ctx)()
	begun := time.Now()
	if err := p.turns.enter(ctx, by); err != nil {
		if errors.Is(err, errNoTurn) {
			p.observer.PasswordRefused(NoTurn)
		}
		return err
	}
	turn := time.Now()
	p.observer.PasswordHashed(turn.Sub(begun))
	right := f()
	p.turns.leave(by)
	if !right && !by.known {
		p.turns.rest(ctx, by, time.Since(turn))
	}
	return nil
}

func newCredential(password string) credential {
	c := credential{memory: argonMemory, passes: argonPasses, lanes: argonLanes, salt: make([]byte, saltSize)}
	rand.Read(c.salt) // never fails
	c.hash = c.derive(password, hashSize)
	return c
}

// verify reports whether the password is right for a credential, as the store has it. For
// an empty or malformed credential, no password is right. Even then verify takes the same
// time, because a shorter time would show that there is no account. It returns the same
// errors as hash.
func (p *passwords) verify(ctx context.Context, by claim, stored, password string) (same bool, err error) {
	c, known := parseCredential(stored)
	if !known {
		c = p.unknown
	}
	by.cores = int(c.lanes)
	err = p.inTurn(ctx, by, func() bool {
		equal := subtle.ConstantTimeCompare(c.derive(password, uint32(len(c.hash))), c.hash) == 1
		same = equal && known
		return same
	})
	return same, err
}

// A credential is a hashed password, with the salt and the cost that were used.
type credential struct {
	memory, passes uint32
	lanes          uint8
	salt, hash     []byte
}

func (c credential) derive(password string, size uint32) []byte {
	return argon2.IDKey([]byte(password), c.salt, c.passes, c.memory, c.lanes, size)
}

// String returns the PHC string format: $argon2id$v=19$m=...,t=...,p=...$salt$hash.
func (c credential) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.lanes,
		b64.EncodeToString(c.salt), b64.EncodeToString(c.hash))
}

// parseCredential reads the format of String. It refuses costs that are too high for a
// route.
func parseCredential(s string) (credential, bool) {
	var c credential
	var version int
	var rest string
	if _, err := fmt.Sscanf(s, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &c.memory, &c.passes, &c.lanes, &rest); err != nil {
		return credential{}, false
	}
	salt, hash, ok := cutDecoded(rest)
	c.salt, c.hash = salt, hash
	ok = ok && version == argon2.Version &&
		c.memory >= 8 && c.memory <= 1<<20 && c.passes >= 1 && c.passes <= 16 && c.lanes >= 1 && c.lanes <= 16 &&
		len(c.salt) >= 8 && len(c.hash) >= 16 && len(c.hash) <= 64
	return c, ok
}

// cutDecoded decodes the last two parts of a credential.
func cutDecoded(s string) (salt, hash []byte, ok bool) {
	left, right, _ := strings.Cut(s, "$")
	salt, errSalt := base64.RawStdEncoding.DecodeString(left)
	hash, errHash := base64.RawStdEncoding.DecodeString(right)
	return salt, hash, errSalt == nil && errHash == nil
}

// HashPassword returns a password's credential, in the form in which accounts keep it. It
// takes a processor some 20 ms, and 19 MiB. It does not limit how many calls run at the
// same time. So it is for programs that make accounts, and not for requests.
func HashPassword(password string) string { return newCredential(password).String() }

// ValidCredential reports whether an account can have the credential. Either a password
// can be compared with it, or it belongs to a user of another system.
func ValidCredential(s string) bool {
	_, ok := parseCredential(s)
	return ok || accounts.IsSubject(s)
}
