package record

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/op"
)

func TestSubjectKeepsItsAccountAndItsName(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := accounts.Subject{Issuer: "https://login.example.org", ID: "17"}
		if _, err := s.AccountOf(t.Context(), alice); !errors.Is(err, ErrNoUser) {
			t.Fatalf("before the first login: %v", err)
		}
		made, err := s.AdmitSubject(t.Context(), alice, "alice")
		if err != nil || made.Name != "alice" || !accounts.IsSubject(made.Credential) {
			t.Fatalf("admitted %+v, %v", made, err)
		}
		again, err := s.AdmitSubject(t.Context(), alice, "alice the second")
		if err != nil || again != made {
			t.Errorf("by another name: %+v, %v", again, err)
		}
		if acc, err := s.AccountOf(t.Context(), alice); err != nil || acc != made {
			t.Errorf("account of the subject: %+v, %v", acc, err)
		}
		if acc, err := s.AccountByID(t.Context(), made.User); err != nil || acc != made {
			t.Errorf("account by its id: %+v, %v", acc, err)
		}
	})
}

func TestNoTwoSubjectsShareAName(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		register(t, s, "bob")
		if _, err := s.AdmitSubject(t.Context(), accounts.Subject{Issuer: "a", ID: "1"}, "bob"); !errors.Is(err, ErrNameTaken) {
			t.Errorf("the name of an account with a password: %v", err)
		}
		if _, err := s.AdmitSubject(t.Context(), accounts.Subject{Issuer: "a", ID: "1"}, "carol"); err != nil {
			t.Fatal(err)
		}
		for _, other := range []accounts.Subject{{Issuer: "a", ID: "2"}, {Issuer: "b", ID: "1"}, {Issuer: "a 1"}, {ID: "a 1"}} {
			if acc, err := s.AdmitSubject(t.Context(), other, "carol"); !errors.Is(err, ErrNameTaken) {
				t.Errorf("%+v is %+v, %v", other, acc, err)
			}
		}
	})
}

// A process that died before it wrote the subject's key has made the account.
func TestSubjectFindsItsAccountByName(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := accounts.Subject{Issuer: "a", ID: "17"}
		made, _, err := s.Register(t.Context(), "alice", alice.Credential())
		if err != nil {
			t.Fatal(err)
		}
		if acc, err := s.AdmitSubject(t.Context(), alice, "alice"); err != nil || acc != made {
			t.Errorf("%+v, %v; want %+v", acc, err, made)
		}
		if acc, err := s.AdmitSubject(t.Context(), alice, "other"); err != nil || acc != made {
			t.Errorf("from then on %+v, %v; want %+v", acc, err, made)
		}
	})
}

func TestSubjectOutlivesTheLossOfItsAccount(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := accounts.Subject{Issuer: "a", ID: "17"}
		if _, err := s.AdmitSubject(t.Context(), alice, "alice"); err != nil {
			t.Fatal(err)
		}
		lost := op.Write(nameKey("alice"), []any{"del", nameKey("alice")})
		if s.Run(t.Context(), "register", lost); lost.Err != nil {
			t.Fatal(lost.Err)
		}
		if acc, err := s.AccountOf(t.Context(), alice); !errors.Is(err, ErrNoUser) {
			t.Errorf("the account is lost: %+v, %v", acc, err)
		}
		made, err := s.AdmitSubject(t.Context(), alice, "alice again")
		if err != nil || made.Name != "alice again" {
			t.Fatalf("made again: %+v, %v", made, err)
		}
		if acc, err := s.AccountOf(t.Context(), alice); err != nil || acc != made {
			t.Errorf("found again: %+v, %v", acc, err)
		}
	})
}

// The first logins of one user's devices come at once, and two tokens have two names.
func TestFirstLoginsOfASubjectAgree(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		var mu sync.Mutex
		var all sync.WaitGroup
		seen := make(map[int64]int)
		for i := range 20 {
			all.Go(func() {
				acc, err := s.AdmitSubject(t.Context(), accounts.Subject{Issuer: "a", ID: "17"}, fmt.Sprint("alice-", i%2))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				seen[acc.User]++
			})
		}
		all.Wait()
		if len(seen) != 1 {
			t.Errorf("20 first logins got the accounts %v", seen)
		}
	})
}

func TestSubjectsCredentialIsNone(t *testing.T) {
	for credential, want := range map[string]bool{
		accounts.Subject{Issuer: "a", ID: "1"}.Credential(): true, "": false, "subject:": false, "subject:alice": false, "$argon2id$v=19$": false,
	} {
		if accounts.IsSubject(credential) != want {
			t.Errorf("%q is a subject's: %v", credential, !want)
		}
	}
}

// An imported account has the subject's credential, and a name that tokens do not have.
func TestImportedAccountIsFoundByItsSubject(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := accounts.Subject{Issuer: "a", ID: "17"}
		imported := Account{User: 1547028929407, Name: "alice", Credential: alice.Credential()}
		if a := s.ImportAccounts(t.Context(), []Account{imported}, false)[0]; a.Err != nil || a.State != accounts.ImportNew {
			t.Fatalf("%+v", a)
		}
		for range 2 {
			if err := s.BindSubject(t.Context(), alice, "alice"); err != nil {
				t.Fatal(err)
			}
		}
		if acc, err := s.AdmitSubject(t.Context(), alice, "17"); err != nil || acc != imported {
			t.Errorf("admitted %+v, %v", acc, err)
		}
		if err := s.BindSubject(t.Context(), accounts.Subject{Issuer: "a", ID: "18"}, "alice"); !errors.Is(err, ErrNameTaken) {
			t.Errorf("another subject: %v", err)
		}
		if err := s.BindSubject(t.Context(), alice, "bob"); !errors.Is(err, ErrNoUser) {
			t.Errorf("no account: %v", err)
		}
	})
}
