package routefn

import (
	"context"
	"net/http"
	"strconv"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// User serves GET /v1/user: the account with an id or with a name.
func (rt *Route) User(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "user", func(ctx context.Context, _ token.Token) (any, error) {
		id, name := r.FormValue("id"), r.FormValue("name")
		if (id == "") == (name == "") {
			return nil, invalid("Ask for an id or for a name.")
		}
		return rt.user(ctx, id, name)
	})
}

func (rt *Route) user(ctx context.Context, id, name string) (proto.User, error) {
	var user int64
	if id != "" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || !validUser(n) {
			return proto.User{}, invalid("The id is not a user id.")
		}
		user = n
	} else if err := checkName(name); err != nil {
		return proto.User{}, err
	}
	account, err := rt.accountNamed(ctx, user, name)
	return proto.User{User: account.User, Name: account.Name}, err
}
