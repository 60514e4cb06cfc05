package group

import (
	"log/slog"

	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
)

// Requests has the requests of clients about groups. All fields are required. It is
// safe for concurrent use.
type Requests struct {
	Store  *record.Store
	Issuer *token.Issuer // has the secret from which ids of groups are computed
	Pusher *push.Pusher
	Codes  *failure.Codes
	Log    *slog.Logger
}
