package routefn

import (
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/identity"
)

// Names that were given before there were rules stay valid, in both modes.
func TestNamesThatExistStayValid(t *testing.T) {
	for mode, auth := range map[string]Auth{"open": AuthOpen, "password": AuthPassword} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Auth = auth })
			for _, name := range []string{"admin", "b\u200bob", "12345", "* bob: hi", "Jose\u0301"} {
				credential := ""
				if auth == AuthPassword {
					credential = identity.HashPassword("secret")
				}
				had, _, err := w.route.cfg.Store.Register(t.Context(), name, credential)
				if err != nil {
					t.Fatal(err)
				}
				var login proto.LoginAnswer
				code := w.post(proto.PathLogin, "", proto.LoginRequest{Name: name, Password: "secret", Device: "phone"}, &login)
				if code != proto.OK || login.User != had.User || login.Name != name {
					t.Errorf("%+q logs in: %v, %+v", name, code, login)
				}
				var again proto.RegisterAnswer
				if code := w.post(proto.PathRegister, "", proto.RegisterRequest{Name: name, Password: "secret"}, &again); code != proto.OK || again.User != had.User {
					t.Errorf("%+q registers again: %v, %+v", name, code, again)
				}
			}
		})
	}
}

func TestNewNamesAreJudgedAndNormal(t *testing.T) {
	for mode, auth := range map[string]Auth{"open": AuthOpen, "password": AuthPassword} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Auth = auth })
			register := func(name string) (answer proto.RegisterAnswer, code proto.Code) {
				code = w.post(proto.PathRegister, "", proto.RegisterRequest{Name: name, Password: "secret"}, &answer)
				return answer, code
			}
			for _, name := range []string{"admin", "аdmin", "b\u200bob", "12345", "bob: hi", "[private] bob"} {
				if _, code := register(name); code != proto.Invalid {
					t.Errorf("%+q registers: %v", name, code)
				}
				login := proto.LoginRequest{Name: name, User: 77, Password: "secret", Device: "phone"}
				if code := w.post(proto.PathLogin, "", login, nil); code == proto.OK {
					t.Errorf("%+q is made by a login", name)
				}
			}
			answer, code := register("Jose\u0301")
			if code != proto.OK || answer.Name != "Jos\u00e9" {
				t.Fatalf("%v, %+v", code, answer)
			}
			var token string
			for _, spelling := range []string{"Jose\u0301", "Jos\u00e9"} {
				var login proto.LoginAnswer
				if code := w.post(proto.PathLogin, "", proto.LoginRequest{Name: spelling, Password: "secret", Device: "phone"}, &login); code != proto.OK || login.User != answer.User {
					t.Errorf("%+q logs in: %v, %+v", spelling, code, login)
				}
				if again, code := register(spelling); code != proto.OK || again.User != answer.User {
					t.Errorf("%+q registers again: %v, %+v", spelling, code, again)
				}
				token = login.Token
			}
			if auth == AuthOpen { // a login that makes the account again gives it the name in normal form, too
				var login proto.LoginAnswer
				code := w.post(proto.PathLogin, "", proto.LoginRequest{Name: "Zoe\u0308", User: 77, Device: "phone"}, &login)
				if code != proto.OK || login.Name != "Zo\u00eb" {
					t.Errorf("%v, %+v", code, login)
				}
			}
			again := proto.LoginRequest{Token: token, Name: "Jose\u0301", Device: "phone"}
			if code := w.post(proto.PathLogin, "", again, nil); code != proto.OK {
				t.Errorf("a token with the name as its user types it: %v", code)
			}
			for _, name := range []string{"everyone", "еveryone", "g12", "b\u200bob", "#friends"} {
				if code := w.post(proto.PathGroupCreate, token, proto.CreateGroup{ID: "1", Name: name}, nil); code != proto.Invalid {
					t.Errorf("a group is called %+q: %v", name, code)
				}
			}
		})
	}
}
