package main

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/keyseal"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// candidates returns everything in texts that may be a secret key: each text and each
// word of it, as it is and decoded.
func candidates(texts []string) [][]byte {
	var keys [][]byte
	seen := make(map[string]bool)
	add := func(b []byte) {
		if len(b) >= 16 && !seen[string(b)] {
			seen[string(b)] = true
			keys = append(keys, b)
		}
	}
	for _, text := range texts {
		words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n\",:{}$", r) })
		for _, w := range append(words, text) {
			add([]byte(w))
			for _, part := range []string{w, strings.TrimPrefix(w, "1.")} {
				if b, err := hex.DecodeString(part); err == nil {
					add(b)
				}
				if b, err := base64.RawURLEncoding.DecodeString(part); err == nil {
					add(b)
				}
				if b, err := base64.StdEncoding.DecodeString(part); err == nil {
					add(b)
				}
			}
		}
	}
	return keys
}

// forge makes a token of a user with a secret, and returns how a login with it ends.
func forge(t *testing.T, route string, secret []byte, of proto.LoginAnswer) proto.Code {
	t.Helper()
	issuer, err := token.NewIssuer(secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := issuer.Token(token.Token{
		User: of.User, Name: of.Name, Device: of.Device, Number: of.Number + 1, Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return post(t, route+proto.PathLogin, "", proto.LoginRequest{Token: text, Device: of.Device}, nil)
}

// backup copies the data of a cluster's store, and returns what a server shows that was
// started from the copy, which wants no password.
func backup(t *testing.T, cluster *up.Cluster) []string {
	t.Helper()
	dir := t.TempDir()
	if err := cluster.Redis().Backup(filepath.Join(dir, "appendonlydir")); err != nil {
		t.Fatal(err)
	}
	server, err := redistest.Redis(t.Context(), redistest.Config{Dir: dir, Persist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	texts, err := server.Texts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// goodKeys returns the secrets among the texts that make tokens.
func goodKeys(t *testing.T, route string, texts []string, of proto.LoginAnswer) (good [][]byte) {
	t.Helper()
	keys := candidates(texts)
	if len(keys) < 5 {
		t.Errorf("the store shows only %d texts", len(keys))
	}
	for _, key := range keys {
		if forge(t, route, key, of) == proto.OK {
			good = append(good, key)
		}
	}
	return good
}

// The thief of a backup reads every text and every password's hash. In a system with a
// cluster key, the thief can be nobody, unless they have that, too. Without one, the thief
// can be anybody.
func TestStolenBackupOfRedis(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]up.Config{
		"with a cluster key": {Nodes: 1, Keys: true}, "without a cluster key": {Nodes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config.Redis, config.Auth = "persist", "password"
			cluster := startCluster(t, config)
			route := cluster.RouteURLs()[0]
			var alice proto.LoginAnswer
			var bob proto.RegisterAnswer
			for name, answer := range map[string]any{"alice": nil, "bob": &bob} {
				if code := post(t, route+proto.PathRegister, "", proto.RegisterRequest{Name: name, Password: "wonderland"}, answer); code != proto.OK {
					t.Fatal(code)
				}
			}
			if code := post(t, route+proto.PathLogin, "", proto.LoginRequest{Name: "alice", Password: "wonderland", Device: "phone"}, &alice); code != proto.OK {
				t.Fatal(code)
			}
			writeTo(t, route, alice.Token, bob.User, "a text that is kept")

			texts := backup(t, cluster)
			all := strings.Join(texts, " ")
			for _, visible := range []string{"a text that is kept", "$argon2id$", "cim:name:alice"} {
				if !strings.Contains(all, visible) {
					t.Errorf("the backup has no %q", visible)
				}
			}
			if strings.Contains(all, "wonderland") {
				t.Error("the backup has a password")
			}
			good := goodKeys(t, route, texts, alice)
			if !config.Keys {
				if len(good) != 1 {
					t.Errorf("%d secrets in the backup make tokens, want 1: this test cannot find the key", len(good))
				}
				return
			}
			if len(good) > 0 {
				t.Errorf("with the backup alone, %d secrets make tokens", len(good))
			}
			if key := unseal(t, cluster, texts); forge(t, route, key, alice) != proto.OK {
				t.Error("with the cluster key, too, nobody is alice")
			}
		})
	}
}

// unseal opens the route key in the texts of a store with the cluster key.
func unseal(t *testing.T, cluster *up.Cluster, texts []string) []byte {
	t.Helper()
	secret, err := os.ReadFile(strings.TrimPrefix(cluster.ClusterKey(), "file:"))
	if err != nil {
		t.Fatal(err)
	}
	keys := ring.NewKeys([]byte(strings.TrimSpace(string(secret))))
	seal := keyseal.New(func() [][]byte { return keys.Derive("route key in the store") })
	current := texts[slices.Index(texts, "current")+1]
	for i, text := range texts[:len(texts)-1] {
		if text != current {
			continue
		}
		if key, _, err := seal.Open(current, texts[i+1]); err == nil {
			return key
		}
	}
	t.Fatal("the cluster key opens no box")
	return nil
}
