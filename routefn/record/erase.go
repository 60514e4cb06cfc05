package record

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/rows"
	"github.com/cim-go/cim/routefn/role"
)

const (
	// strayTime is how long after the beginning of an erasure its job is due. By then no
	// request of the user runs any more that began before it.
	strayTime = 15 * time.Second
	// condemnTime is how long EraseAccount may take until the account is condemned, and
	// idleErasure when the job is due until then. In between no job of an account that is
	// condemned later can be over.
	condemnTime = 30 * time.Second
	idleErasure = time.Minute
	// erasedFor is how long the slot of an erased inbox says so. All tokens have expired
	// by then.
	erasedFor = token.TokenLife + 10*24*time.Hour
	// eraseTries is how often EraseAccount reads an account that changes meanwhile.
	eraseTries = 3
)

// erasedField has the version by which a user leaves all groups, in the hash of an erased
// inbox. It is a time in ms, by the clock of its slot.
const erasedField = "erased"

// EraseAccount begins the erasure of an account. When it returns nil, nobody can log in to
// the account or write to it, all tokens are void, its inbox is gone, and Config.Replicas
// have recorded that. It returns the sessions that were live. A job of the queue removes
// the rest, see Erase, and frees the name within a minute.
//
//	slot of the name                slot of the user            slots of groups, shards, name
//
//	1  condemn.lua: there is no ──► 2  erase.lua empties  ──► 3  Erase: leaves groups, removes
//	   account, the name is taken      the inbox                 delayed messages and roles,
//	                                                             frees the name
//
// The job is queued before step 1, and does step 2, too. So the erasure goes on if this
// process dies. A repetition is harmless. The error is nil for an account that was erased.
// It is ErrNoUser if there is no account, ErrUnavailable or ErrUnknown.
func (s *Store) EraseAccount(ctx context.Context, user int64) ([]Session, error) {
	live, err := s.eraseAccount(ctx, user)
	if err != nil {
		return live, fmt.Errorf("erase account %d: %w", user, err)
	}
	return live, nil
}

func (s *Store) eraseAccount(ctx context.Context, user int64) ([]Session, error) {
	err := s.condemn(ctx, user)
	for try := 1; try < eraseTries && errors.Is(err, ErrChanged); try++ {
		err = s.condemn(ctx, user)
	}
	switch {
	case errors.Is(err, ErrErased):
		return nil, nil
	case errors.Is(err, ErrChanged):
		return nil, fmt.Errorf("%w: the account changes at the same time", ErrUnavailable)
	case err != nil:
		return nil, err
	}
	o, err := s.emptyInbox(ctx, user, false)
	if err != nil {
		return nil, err
	}
	return rows.ParseSessions(op.Text(o.Reply[3])), s.queueErasure(ctx, user, strayTime)
}

// condemn queues the job, and makes the account one that is being erased.
func (s *Store) condemn(ctx context.Context, user int64) error {
	e, err := s.ErasureOf(ctx, user)
	if err != nil || e.Condemned {
		return err
	}
	if err := s.queueErasure(ctx, user, idleErasure); err != nil {
		return err
	}
	now, err := s.Time(ctx)
	if err != nil {
		return err
	}
	return s.Condemn(ctx, e, now+condemnTime.Milliseconds())
}

// queueErasure queues the job of an erasure, or brings it forward.
func (s *Store) queueErasure(ctx context.Context, user int64, wait time.Duration) error {
	now, err := s.Time(ctx)
	if err != nil {
		return err
	}
	job := queue.Job{Key: strconv.FormatInt(user, 10), Due: now + wait.Milliseconds()}
	return s.Keep(ctx, queue.Erasures, job, queue.ShardOf(user))
}

// emptyInbox empties the slot of a user, and returns the op that erase.lua has answered.
func (s *Store) emptyInbox(ctx context.Context, user int64, left bool) (*op.Op, error) {
	l := logref.Ref{User: user}
	o := l.GroupScript(eraseScript, []string{l.Receivers(), l.Counts(), l.Imported(), l.Relations(), l.Choosy()}, erasedFor.Milliseconds(), left)
	s.Accept(ctx, "erase", o)
	s.inboxes.Drop(user)
	return o, o.Err
}

// Erase does a job of the kind Erasures. It returns how the job ended, and the leavings of
// groups that others are to be told. It blocks for a second at most while the store
// answers. It may be killed at any point: the job is done again then, with the same result.
// If the job is over, done is the user whose account is erased; otherwise done is zero.
func (s *Store) Erase(ctx context.Context, j queue.Job) (ending queue.Ending, left []Changed, done int64) {
	user, err := strconv.ParseInt(j.Key, 10, 64)
	if err != nil {
		s.log.Error("job cannot be read", "kind", j.Kind, "key", j.Key)
		return j.End(queue.Failed), nil, 0
	}
	erased, left, err := s.erase(ctx, user)
	switch {
	case err == nil && erased:
		return j.End(queue.Done), left, user
	case err == nil:
		return j.End(queue.Done), nil, 0
	}
	s.log.Warn("erasure of an account goes on later", "user", user, "err", err)
	ending = j.End(queue.Failed)
	if now, err := s.Time(ctx); err == nil && errors.Is(err, ErrUnavailable) { // a server is away, which is not the job's fault
		ending = j.End(queue.Again)
		ending.Due = now + sweepAgain.Milliseconds()
	}
	return ending, left, 0
}

// erase removes all that is left of a condemned account. It returns false if the account
// is not condemned, or was erased before.
func (s *Store) erase(ctx context.Context, user int64) (erased bool, left []Changed, err error) {
	e, err := s.ErasureOf(ctx, user)
	if errors.Is(err, ErrNoUser) || err == nil && !e.Condemned {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, err
	}
	o, err := s.emptyInbox(ctx, user, false)
	if err != nil {
		return false, nil, err
	}
	left, err = s.leaveAll(ctx, e, op.Integer(o.Reply[1]), rows.ParseGroups(op.Text(o.Reply[2])))
	if err != nil {
		return false, left, err
	}
	for _, step := range []func(context.Context, int64) error{s.later.Erase, s.takeSystemRole, s.forgetGroups} {
		if err := step(ctx, user); err != nil {
			return false, left, err
		}
	}
	return true, left, s.FreeName(ctx, e)
}

func (s *Store) takeSystemRole(ctx context.Context, user int64) error {
	had, err := s.SystemRole(ctx, user)
	if err != nil || had == role.User {
		return err
	}
	return s.SetSystemRole(ctx, user, role.User)
}

// forgetGroups removes the list of the groups that the user has left.
func (s *Store) forgetGroups(ctx context.Context, user int64) error {
	_, err := s.emptyInbox(ctx, user, true)
	return err
}
