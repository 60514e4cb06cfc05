package record

import (
	"errors"
	"testing"
)

func TestCredentialIsReplacedIfNobodyElseDid(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, s, other *Store) {
		before, _, err := s.Register(t.Context(), "alice", "first")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetCredential(t.Context(), before, "second"); err != nil {
			t.Fatal(err)
		}
		if err := other.SetCredential(t.Context(), before, "third"); !errors.Is(err, ErrChanged) {
			t.Errorf("of one that was changed: %v", err)
		}
		now, err := other.AccountByID(t.Context(), before.User)
		if err != nil || now.Credential != "second" || now.Name != "alice" || now.User != before.User {
			t.Errorf("the account is %+v, %v", now, err)
		}
		if err := s.SetCredential(t.Context(), Account{User: 4711, Name: "bob"}, "x"); !errors.Is(err, ErrNoUser) {
			t.Errorf("of nobody: %v", err)
		}
		if err := s.SetCredential(t.Context(), Account{User: 4711, Name: "alice", Credential: "second"}, "x"); !errors.Is(err, ErrChanged) {
			t.Errorf("of another account: %v", err)
		}
	})
}
