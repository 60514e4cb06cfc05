package ring

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var cluster = []byte("a cluster key of enough entropy")

var goldenMember = Member{
	ID: "node-1", Boot: 0x0123456789abcdef, Client: "im.example.com:11211", TLS: true, HTTP: "10.0.0.1:8081",
	Gossip: "10.0.0.1:7946", Zone: "a", Weight: 100, State: Serving, Load: 3,
}

const (
	goldenKey    = "88aba4ed64f80e9de8a558b0cf54b69c3623593f17ea90999b4e31c9357aea93"
	goldenSealed = "01030103000000640123456789abcdef" + // version, flags, state, load, weight, boot
		"066e6f64652d31" + "14696d2e6578616d706c652e636f6d3a3131323131" + "0d31302e302e302e313a38303831" +
		"0d31302e302e302e313a37393436" + "0161" + "d8498b25e8dd4d59de2305e7db171830"
)

func TestSealedFormIsGolden(t *testing.T) {
	key := MemberKey(cluster)
	if got := hex.EncodeToString(key); got != goldenKey {
		t.Errorf("key of members is %s, want %s", got, goldenKey)
	}
	if got := hex.EncodeToString(Seal(goldenMember, key)); got != goldenSealed {
		t.Errorf("sealed form is %s, want %s", got, goldenSealed)
	}
	b, _ := hex.DecodeString(goldenSealed)
	if m, err := Open(b, key); err != nil || m != goldenMember {
		t.Errorf("golden bytes open as %+v, %v", m, err)
	}
}

func TestPurposesHaveUnrelatedKeys(t *testing.T) {
	seen := make(map[string]string)
	for _, purpose := range []string{"member", "gossip", "service"} {
		key := DeriveKey(cluster, purpose)
		if len(key) != 32 {
			t.Errorf("key for %s has %d bytes, want 32", purpose, len(key))
		}
		if other, ok := seen[string(key)]; ok {
			t.Errorf("%s and %s have one key", purpose, other)
		}
		seen[string(key)] = purpose
	}
	if DeriveKey(nil, "member") != nil {
		t.Error("no cluster key gives a key")
	}
}

func TestSealedMemberOpensAsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMember(t)
		key := Key(rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "key"))
		b := Seal(m, key)
		if len(b) > MaxSealed {
			t.Fatalf("%+v seals to %d bytes", m, len(b))
		}
		if back, err := Open(b, key); err != nil || back != m {
			t.Fatalf("%+v opens as %+v, %v", m, back, err)
		}
	})
}

func drawMember(t *rapid.T) Member {
	return Member{
		ID:     rapid.StringMatching(`[!-+.0-9;-~-]{1,64}`).Draw(t, "id"),
		Boot:   rapid.Uint64().Draw(t, "boot"),
		Client: rapid.StringMatching(`[a-z.]{1,60}:[1-9][0-9]{0,3}`).Draw(t, "client"),
		TLS:    rapid.Bool().Draw(t, "tls"),
		HTTP:   rapid.StringMatching(`[0-9.]{1,60}:[1-9][0-9]{0,3}`).Draw(t, "http"),
		Gossip: rapid.StringMatching(`(\[[0-9a-f:]{1,30}\]:[1-9][0-9]{0,3})?`).Draw(t, "gossip"),
		Zone:   rapid.StringN(0, 20, 60).Draw(t, "zone"),
		Weight: rapid.IntRange(1, MaxWeight).Draw(t, "weight"),
		State:  State(rapid.IntRange(0, 2).Draw(t, "state")),
		Load:   rapid.IntRange(0, MaxLoad).Draw(t, "load"),
	}
}

func TestAnyChangedBitSpoilsTheSeal(t *testing.T) {
	key := MemberKey(cluster)
	good := Seal(goldenMember, key)
	for bit := range len(good) * 8 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if m, err := Open(b, key); err == nil {
			t.Errorf("opens as %+v with bit %d changed", m, bit)
		}
	}
	for n := range good {
		if _, err := Open(good[:n], key); err == nil {
			t.Errorf("opens when cut to %d bytes", n)
		}
	}
}

func TestKeyAndSealMustAgree(t *testing.T) {
	key, other := MemberKey(cluster), MemberKey([]byte("another"))
	sealed, plain := Seal(goldenMember, key), Seal(goldenMember, nil)
	for name, c := range map[string]struct {
		b    []byte
		keys []Key
		want error
	}{
		"same key":           {sealed, []Key{key}, nil},
		"old key":            {sealed, []Key{other, key}, nil},
		"other key":          {sealed, []Key{other}, ErrBadMAC},
		"sealed, no key":     {sealed, nil, ErrBadMAC},
		"sealed, empty key":  {sealed, []Key{nil}, ErrBadMAC},
		"plain, no key":      {plain, nil, nil},
		"plain, empty key":   {plain, []Key{{}}, nil},
		"plain, a key":       {plain, []Key{key}, ErrBadMAC},
		"plain, key and nil": {plain, []Key{nil, key}, ErrBadMAC},
		"next version":       {append([]byte{2}, sealed[1:]...), []Key{key}, ErrMalformed},
		"empty":              {nil, []Key{key}, ErrMalformed},
		"trailing byte":      {append(bytes.Clone(plain), 0), nil, ErrMalformed},
		"weight 0":           {Seal(Member{ID: "a", Client: "a:1", HTTP: "a:1"}, key), []Key{key}, ErrMalformed},
	} {
		if _, err := Open(c.b, c.keys...); !errors.Is(err, c.want) || (err != nil) != (c.want != nil) {
			t.Errorf("%s: error is %v, want %v", name, err, c.want)
		}
	}
}

func TestKeysRotateWithoutAGap(t *testing.T) {
	older, newer := []byte("older"), []byte("newer")
	a, b := NewKeys(older), NewKeys(older)
	agree := func(step string) {
		t.Helper()
		for _, pair := range [][2]*Keys{{a, b}, {b, a}} {
			if _, err := pair[1].Open(pair[0].Seal(goldenMember)); err != nil {
				t.Errorf("%s: %v", step, err)
			}
		}
	}
	agree("before")
	for _, step := range [][][]byte{{older, newer}, {newer, older}, {newer}} {
		a.Set(step...)
		agree("one has moved")
		b.Set(step...)
		agree("both have moved")
	}
	var none Keys
	if _, err := none.Open(a.Seal(goldenMember)); !errors.Is(err, ErrBadMAC) {
		t.Errorf("no key opens a sealed member: %v", err)
	}
	if _, err := none.Open(none.Seal(goldenMember)); err != nil {
		t.Errorf("no key: %v", err)
	}
}

func TestReaderBelievesOnlySealedBytes(t *testing.T) {
	keys := NewKeys(cluster)
	b, err := json.Marshal(keys.Sealed(goldenMember))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"id":"node-1"`) || !strings.Contains(string(b), `"state":"serving"`) {
		t.Errorf("people cannot read %s", b)
	}
	forged := strings.NewReplacer("node-1", "node-2", `"serving"`, `{}`).Replace(string(b))
	var s Sealed
	if err := json.Unmarshal([]byte(forged), &s); err != nil {
		t.Fatalf("a field for people is in the way: %v", err)
	}
	if m, err := s.Open(keys); err != nil || m != goldenMember {
		t.Errorf("opens as %+v, %v", m, err)
	}
	if err := json.Unmarshal([]byte(`{"id":"node-1"}`), &s); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(keys); !errors.Is(err, ErrMalformed) {
		t.Errorf("without sealed bytes: %v, want ErrMalformed", err)
	}
}

func FuzzOpen(f *testing.F) {
	key := MemberKey(cluster)
	f.Add(Seal(goldenMember, key))
	f.Add(Seal(goldenMember, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, key := range []Key{nil, key} {
			m, err := Open(b, key)
			if err == nil && !bytes.Equal(Seal(m, key), b) {
				t.Errorf("%x opens as %+v, which seals otherwise", b, m)
			}
		}
	})
}

// Members come as JSON from ZooKeeper, from nodes and from routes, and strangers may have
// written it. A member that is taken has its MAC.
func FuzzSealedJSON(f *testing.F) {
	keys := NewKeys(cluster)
	for _, s := range []Sealed{keys.Sealed(goldenMember), NewKeys().Sealed(goldenMember)} {
		b, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"sealed":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Sealed
		if json.Unmarshal(b, &s) != nil {
			return
		}
		if m, err := s.Open(keys); err == nil && !bytes.Equal(Seal(m, MemberKey(cluster)), s.bytes) {
			t.Errorf("%s opens as %+v, which seals otherwise", b, m)
		}
	})
}
