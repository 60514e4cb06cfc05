package identity

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/routefn/identity/jwt"
)

// silent counts nothing.
type silent struct{}

func (silent) PasswordHashed(time.Duration) {}
func (silent) PasswordRefused(Reason)       {}
func (silent) TokenRefused(jwt.Reason)      {}

func TestHashingTakesHalfOfTheCores(t *testing.T) {
	for cores, want := range map[int]int{1: 1, 2: 1, 5: 2, 8: 4} {
		before := runtime.GOMAXPROCS(cores)
		p := newPasswords(silent{})
		runtime.GOMAXPROCS(before)
		if p.turns.cores != want {
			t.Errorf("of %d cores hashing takes %d, want %d", cores, p.turns.cores, want)
		}
	}
}

func TestCredentialsAreReadAsTheyWereWritten(t *testing.T) {
	p := newPasswords(silent{})
	stored, err := p.hash(t.Context(), claim{}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("stored as %s", stored)
	}
	for _, c := range []struct {
		stored, password string
		want             bool
	}{
		{stored, "secret", true}, {stored, "secreT", false}, {stored, "", false}, {"", "", false}, {"plain", "plain", false},
		{strings.Replace(stored, "v=19", "v=16", 1), "secret", false},
		{strings.Replace(stored, "m=19456", "m=4294967295", 1), "secret", false}, // must not be tried
		{strings.Replace(stored, "p=1", "p=0", 1), "secret", false},              // would panic
		{stored[:len(stored)-30], "secret", false},
	} {
		if got, err := p.verify(t.Context(), claim{}, c.stored, c.password); got != c.want || err != nil {
			t.Errorf("%q with %q: %v, %v", c.stored, c.password, got, err)
		}
	}
}

// A forged credential is refused before it costs anything.
func FuzzParseCredential(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=0,t=0,p=0$$")
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := parseCredential(s); ok && (c.memory > 1<<20 || c.passes < 1 || c.lanes < 1 || len(c.salt) < 8 || len(c.hash) < 16) {
			t.Fatalf("took %q", s)
		}
	})
}
