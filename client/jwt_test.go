package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/proto"
)

// takesJWTs makes the cluster one whose users another system knows. It refuses the JWT
// old.
func (k *cluster) takesJWTs(t *testing.T, old string) {
	k.setOnCall(func(path string, body []byte) *proto.ErrorAnswer {
		var in proto.LoginRequest
		if path != proto.PathLogin || json.Unmarshal(body, &in) != nil {
			return nil
		}
		switch {
		case in.Password != "":
			t.Errorf("a password was shown beside a JWT: %+v", in)
		case in.Token == "void", in.JWT == old, in.Token == "" && in.JWT == "":
			return refuse(proto.Unauthorized)
		}
		return nil
	})
}

func TestJWTTakesThePlaceOfThePassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.takesJWTs(t, "")
		calls := 0
		cfg := k.config()
		cfg.Name, cfg.User, cfg.Token = "", 0, "void"
		cfg.JWT = func(context.Context) (string, error) {
			calls++
			return fmt.Sprint("jwt-", calls), nil
		}
		c := connect(t, cfg)
		if c.Self().Name != "alice" || c.Token() != "token" || calls != 1 {
			t.Errorf("%v with the token %q after %d JWTs", c.Self(), c.Token(), calls)
		}
		k.say(proto.Inbox, "one")
		expect(t, c, "one")
		if s, err := NewSender(t.Context(), cfg); err != nil || s.Self().Name != "alice" {
			t.Errorf("sender: %v", err)
		}
	})
}

func TestRefusedJWTIsFinalAndAMissingOneIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.takesJWTs(t, "old")
		cfg := k.config()
		cfg.JWT = func(context.Context) (string, error) { return "old", nil }
		if _, err := Connect(t.Context(), cfg); codeOf(err) != proto.Unauthorized {
			t.Errorf("an expired JWT: %v", err)
		}
		tries := 0
		cfg.JWT = func(context.Context) (string, error) {
			if tries++; tries < 3 {
				return "", errors.New("the other system is away")
			}
			return "new", nil
		}
		connect(t, cfg)
		if tries != 3 {
			t.Errorf("connected after %d tries to get a JWT", tries)
		}
	})
}
