// Package erasure erases accounts. The first two steps end an account at once, and a job of the
// queue removes the rest.
//
//	slot of the name                slot of the user            slots of groups, shards, name
//
//	1 condemn.lua: nobody finds ──► 2 erase.lua empties ──► 3 the job: leaves groups, removes
//	   account, the name is taken      the inbox                 delayed messages and roles,
//	                                                             frees the name
//
// The job is queued before step 1, and does step 2, too. So the erasure goes on if a
// process dies. After step 1, no caller finds the account, and no inbox is made for it.
// After step 2, no number is issued, no intent is recorded and no token counts. So a
// request that runs late finds no inbox. The job begins when all requests of the user are
// over. It repeats both steps, and each further step may be repeated, too.
//
// Package accounts has condemn.lua. The keys are in the table of package record.
package erasure

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/rows"
)

//go:embed lua/*.lua
var folder embed.FS

var eraseScript = op.Library{folder, rows.Lua, op.Lua}.Load("clock", "live", "device", "erase")

// Accounts has all accounts: see accounts.Accounts.
type Accounts interface {
	ErasureOf(ctx context.Context, user int64) (accounts.Erasure, error)
	Condemn(ctx context.Context, e accounts.Erasure, until int64) error
	FreeName(ctx context.Context, e accounts.Erasure) error
}

// Queue keeps jobs: see queue.Queue.
type Queue interface {
	Keep(ctx context.Context, kind queue.Kind, job queue.Job, shard queue.Shard) error
}

// Rest has what other packages keep of users.
type Rest interface {
	// Forget drops what this process has cached of a user's inbox.
	Forget(user int64)
	// Remove removes what the other packages keep of a user who has left all groups. It
	// leaves the inbox and the account. The error is ErrUnavailable or ErrUnknown.
	// Repeating it is harmless.
	Remove(ctx context.Context, user int64) error
}

// Erasures erases accounts. It is safe for concurrent use.
type Erasures struct {
	db       *op.DB
	accounts Accounts
	queue    Queue
	rest     Rest
	log      *slog.Logger
}

// New returns the erasures of accounts in the store of db.
func New(db *op.DB, accounts Accounts, queue Queue, rest Rest, log *slog.Logger) *Erasures {
	return &Erasures{db, accounts, queue, rest, log}
}

const (
	// The job of an erasure is due strayTime after the beginning of the erasure. By then
	// all requests of the user that began earlier are over.
	strayTime = 15 * time.Second
	// EraseAccount may take condemnTime until the account is condemned. Until then its
	// job is due after idleErasure, which is longer. So a job cannot end before its
	// account is condemned.
	condemnTime = 30 * time.Second
	idleErasure = time.Minute
	// erasedFor is how long the slot of an erased inbox records the erasure. All tokens
	// of the user expire in that time.
	erasedFor = token.TokenLife + 10*24*time.Hour
	// again is the time until another try if a server is away.
	again = time.Minute
	// eraseTries is how often EraseAccount reads the account if other calls keep changing
	// it.
	eraseTries = 3
)

// Field is the field of an erased inbox's hash that has the version by which the user
// leaves all groups. The version is a time in ms by the clock of the slot.
const Field = "erased"

// EraseAccount begins the erasure of an account. After nil, nobody can log in to the
// account or write to it, all tokens are void, and the inbox is gone. As many replicas as
// Config.Replicas says have that. EraseAccount returns the sessions that were live. A job
// of the queue removes the rest, see EndErasure, and frees the name within a minute.
//
// A repetition is harmless. The error is nil for an account that was erased. It is ErrNoUser
// if there is no account, ErrUnavailable or ErrUnknown.
func (s *Erasures) EraseAccount(ctx context.Context, user int64) ([]rows.Session, error) {
	live, err := s.eraseAccount(ctx, user)
	if err != nil {
		return live, fmt.Errorf("erase account %d: %w", user, err)
	}
	return live, nil
}

func (s *Erasures) eraseAccount(ctx context.Context, user int64) ([]rows.Session, error) {
	err := s.condemn(ctx, user)
	for try := 1; try < eraseTries && errors.Is(err, accounts.ErrChanged); try++ {
		err = s.condemn(ctx, user)
	}
	switch {
	case errors.Is(err, accounts.ErrErased):
		return nil, nil
	case errors.Is(err, accounts.ErrChanged):
		return nil, fmt.Errorf("%w: the account changes at the same time", op.ErrUnavailable)
	case err != nil:
		return nil, err
	}
	o, err := s.emptyInbox(ctx, user, false)
	if err != nil {
		return nil, err
	}
	return rows.ParseSessions(op.Text(o.Reply[3])), s.queueErasure(ctx, user, strayTime)
}

// condemn queues the job, and marks the account as one that is being erased.
func (s *Erasures) condemn(ctx context.Context, user int64) error {
	e, err := s.accounts.ErasureOf(ctx, user)
	if err != nil || e.Condemned {
		return err
	}
	if err := s.queueErasure(ctx, user, idleErasure); err != nil {
		return err
	}
	now, err := s.db.Time(ctx)
	if err != nil {
		return err
	}
	return s.accounts.Condemn(ctx, e, now+condemnTime.Milliseconds())
}

// queueErasure queues the job of an erasure, or brings it forward.
func (s *Erasures) queueErasure(ctx context.Context, user int64, wait time.Duration) error {
	now, err := s.db.Time(ctx)
	if err != nil {
		return err
	}
	job := queue.Job{Key: strconv.FormatInt(user, 10), Due: now + wait.Milliseconds()}
	return s.queue.Keep(ctx, queue.Erasures, job, queue.ShardOf(user))
}

// emptyInbox empties the slot of a user by erase.lua, and returns the answered op.
func (s *Erasures) emptyInbox(ctx context.Context, user int64, left bool) (*op.Op, error) {
	l := logref.Ref{User: user}
	o := l.GroupScript(eraseScript, []string{l.Receivers(), l.Counts(), l.Imported(), l.Relations(), l.Choosy()}, erasedFor.Milliseconds(), left)
	s.db.Accept(ctx, "erase", o)
	s.rest.Forget(user)
	return o, o.Err
}

// Leave ends the memberships of a user in groups, as intents with this version would. It
// may be called again, with the same or fewer groups.
type Leave func(ctx context.Context, e accounts.Erasure, version int64, groups []int64) error

// EndErasure does a job of the kind Erasures. It returns how the job ended. It blocks for
// a second at most while the store answers. If the process is killed in between, the job
// is done again, with the same result. If the job is over, done is the user whose account
// is erased; otherwise done is zero.
func (s *Erasures) EndErasure(ctx context.Context, j queue.Job, leave Leave) (ending queue.Ending, done int64) {
	user, err := strconv.ParseInt(j.Key, 10, 64)
	if err != nil {
		s.log.Error("job cannot be read", "kind", j.Kind, "key", j.Key)
		return j.End(queue.Failed), 0
	}
	erased, err := s.erase(ctx, user, leave)
	switch {
	case err == nil && erased:
		return j.End(queue.Done), user
	case err == nil:
		return j.End(queue.Done), 0
	}
	s.log.Warn("erasure of an account goes on later", "user", user, "err", err)
	ending = j.End(queue.Failed)
	if now, unknown := s.db.Time(ctx); unknown == nil && errors.Is(err, op.ErrUnavailable) { // a server is away, which is not the job's fault
		ending = j.End(queue.Again)
		ending.Due = now + again.Milliseconds()
	}
	return ending, 0
}

// erase removes all that is left of a condemned account. It returns false if the account
// is not condemned, or was erased before.
func (s *Erasures) erase(ctx context.Context, user int64, leave Leave) (erased bool, err error) {
	e, err := s.accounts.ErasureOf(ctx, user)
	if errors.Is(err, accounts.ErrNoUser) || err == nil && !e.Condemned {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	o, err := s.emptyInbox(ctx, user, false)
	if err != nil {
		return false, err
	}
	if err := leave(ctx, e, op.Integer(o.Reply[1]), rows.ParseGroups(op.Text(o.Reply[2]))); err != nil {
		return false, err
	}
	if err := s.rest.Remove(ctx, user); err != nil {
		return false, err
	}
	if _, err := s.emptyInbox(ctx, user, true); err != nil {
		return false, err
	}
	return true, s.accounts.FreeName(ctx, e)
}
