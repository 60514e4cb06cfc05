package token

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

func TestProofIsForOneSessionAtOneNode(t *testing.T) {
	i := issuer(t, routeKey)
	proof := i.Proof(42, "alice", "phone", 7, "node-1")
	if err := i.CheckProof(proof, 42, "alice", "phone", 7, "node-1"); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"user":           i.CheckProof(proof, 43, "alice", "phone", 7, "node-1"),
		"name":           i.CheckProof(proof, 42, "bob", "phone", 7, "node-1"),
		"device":         i.CheckProof(proof, 42, "alice", "desk", 7, "node-1"),
		"number":         i.CheckProof(proof, 42, "alice", "phone", 8, "node-1"),
		"node":           i.CheckProof(proof, 42, "alice", "phone", 7, "node-2"),
		"shifted fields": i.CheckProof(proof, 42, "alicep", "hone", 7, "node-1"),
		"swapped fields": i.CheckProof(i.Proof(42, "alice", "phone", 7, "node-1"), 7, "alice", "phone", 42, "node-1"),
		"no proof":       i.CheckProof(nil, 42, "alice", "phone", 7, "node-1"),
		"half a proof":   i.CheckProof(proof[:macSize/2], 42, "alice", "phone", 7, "node-1"),
		"a byte behind":  i.CheckProof(append(bytes.Clone(proof), 0), 42, "alice", "phone", 7, "node-1"),
		"another route":  issuer(t, otherKey).CheckProof(proof, 42, "alice", "phone", 7, "node-1"),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("another %s: %v", what, err)
		}
	}
}

// Nodes keep the proof of each connection where there is room for this many bytes.
func TestTicketWithAProofOfAnotherSizeIsRefused(t *testing.T) {
	i := issuer(t, routeKey)
	v := NewVerifier(i.Public()...)
	for size, want := range map[int]error{0: ErrInvalid, ProofSize - 1: ErrInvalid, ProofSize: nil, ProofSize + 1: ErrInvalid} {
		body, err := proto.Marshal(&TicketBody{User: 42, Expires: now.Add(time.Minute).UnixMilli(), Proof: make([]byte, size)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Ticket(text(append(body, ed25519.Sign((*i.keys.Load())[0].private, body)...))); err != want {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestProofHasItsEnd(t *testing.T) {
	i := issuer(t, routeKey)
	end := time.Unix(1_900_000_000, 0)
	proof := i.ProofUntil(end, 42, "alice", "phone", 7, "node-1")
	if len(proof) != ProofSize {
		t.Fatalf("%d bytes", len(proof))
	}
	if got, err := i.ProofEnd(proof, 42, "alice", "phone", 7, "node-1"); err != nil || !got.Equal(end) {
		t.Errorf("it ends at %v, %v", got, err)
	}
	if got, err := i.ProofEnd(i.Proof(42, "alice", "phone", 7, "node-1"), 42, "alice", "phone", 7, "node-1"); err != nil || !got.IsZero() {
		t.Errorf("one without an end ends at %v, %v", got, err)
	}
	for b := range proof { // the end and the MAC alike
		changed := slices.Clone(proof)
		changed[b]++
		if _, err := i.ProofEnd(changed, 42, "alice", "phone", 7, "node-1"); !errors.Is(err, ErrInvalid) {
			t.Errorf("changed in byte %d: %v", b, err)
		}
	}
	if _, err := i.ProofEnd(proof, 42, "alice", "phone", 7, "node-2"); !errors.Is(err, ErrInvalid) {
		t.Errorf("at another node: %v", err)
	}
	if _, err := i.ProofEnd(proof[:4], 42, "alice", "phone", 7, "node-1"); !errors.Is(err, ErrInvalid) {
		t.Errorf("cut: %v", err)
	}
}
