package ring

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestSignedMemberKeepsItsSignature(t *testing.T) {
	key := MemberKey(cluster)
	signed := goldenMember
	signed.Signed = strings.Repeat("s", 200)
	b := Seal(signed, key)
	if got, err := Open(b, key); err != nil || got != signed {
		t.Errorf("opens as %+v, %v", got, err)
	}
	if b[1]&flagSigned == 0 || Seal(goldenMember, key)[1]&flagSigned != 0 {
		t.Error("the flag does not say whether the member is signed")
	}
	long := signed
	long.Signed = strings.Repeat("s", 256)
	if err := long.Validate(); !errors.Is(err, ErrInvalid) {
		t.Errorf("a signature of 256 bytes: %v", err)
	}
	empty := appendMember(nil, signed, flagMAC)
	empty = append(empty[:len(empty)-len(signed.Signed)-1], 0) // the flag, and no bytes
	if _, err := Open(append(empty, mac(empty, key)...), key); !errors.Is(err, ErrMalformed) {
		t.Errorf("an empty signature: %v", err)
	}
}

func TestIdentityIsWhatDoesNotChange(t *testing.T) {
	changed := goldenMember
	changed.State, changed.Load, changed.Signed = Draining, 200, "signed"
	if !bytes.Equal(changed.Identity(), goldenMember.Identity()) {
		t.Error("state, load and signature are a part of the identity")
	}
	for name, change := range map[string]func(*Member){
		"id":     func(m *Member) { m.ID = "node-2" },
		"boot":   func(m *Member) { m.Boot++ },
		"client": func(m *Member) { m.Client = "im.example.com:1" },
		"tls":    func(m *Member) { m.TLS = false },
		"http":   func(m *Member) { m.HTTP = "10.0.0.2:8081" },
		"gossip": func(m *Member) { m.Gossip = "10.0.0.2:7946" },
		"zone":   func(m *Member) { m.Zone = "b" },
		"weight": func(m *Member) { m.Weight = 1 << 20 },
	} {
		m := goldenMember
		if change(&m); bytes.Equal(m.Identity(), goldenMember.Identity()) {
			t.Errorf("%s is no part of the identity", name)
		}
	}
}

func TestKeysOpenOnlyWhatIsAdmitted(t *testing.T) {
	k := NewKeys(cluster)
	b := k.Seal(goldenMember)
	stranger := errors.New("a stranger")
	k.Admit(func(m Member) error {
		if m.ID == goldenMember.ID {
			return stranger
		}
		return nil
	})
	if _, err := k.Open(b); !errors.Is(err, ErrNotAdmitted) || !errors.Is(err, stranger) {
		t.Errorf("opened with %v", err)
	}
	other := goldenMember
	other.ID = "node-2"
	if got, err := k.Open(k.Seal(other)); err != nil || got != other {
		t.Errorf("an admitted one opens as %+v, %v", got, err)
	}
}
