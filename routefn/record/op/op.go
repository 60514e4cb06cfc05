package op

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/servers"
)

// Op is one atomic step on the keys of one slot: a command, a transaction of several
// commands, or a script. The functions that make an op fill the first group of fields.
// DB.Run fills the others.
type Op struct {
	Key    string // chooses the server
	Write  bool   // the op changes something, so without an answer its outcome is unknown
	Steps  [][]any
	Script *Script
	Keys   []string
	Args   []any // a bool reaches a script as '1' or '0'

	Reply []any // one answer per step, or the script's table
	Err   error // nil, ErrUnavailable or ErrUnknown once Run returns

	to     *redis.Client // the server to which a redirect has sent the op; nil: the one that has key
	asking bool          // the redirect is for this op only (ASK)
	full   bool          // send the script's source, because the server does not know its hash
	again  bool          // the op only reads, and was repeated once already
	cmds   []redis.Cmder // commands of the op while it is in flight; a transaction keeps them after that
}

// Read returns an op that reads key with one or several commands, atomically.
func Read(key string, steps ...[]any) *Op { return &Op{Key: key, Steps: steps} }

// Write returns an op that changes key, and other keys of its slot, with one or
// several commands, atomically.
func Write(key string, steps ...[]any) *Op { return &Op{Key: key, Steps: steps, Write: true} }

// Reuse prepares the op of a transaction to be sent once more, after the caller has
// changed its steps in place. The op must have been answered. The parameter key chooses
// the server. The op keeps the memory of its commands, so that the caller need not
// allocate new ones.
func (o *Op) Reuse(key string) { *o = Op{Key: key, Write: o.Write, Steps: o.Steps, cmds: o.cmds} }

// These commands go with every transaction and with many pipelines, so they are made
// only once.
var asking, multi, execute, askTime = []any{"asking"}, []any{"multi"}, []any{"exec"}, []any{"time"}

// readScript runs the steps of an op that only reads.
var readScript = Library{Lua}.Load("read")

// enqueue puts the op's commands into a pipeline. It writes MULTI and EXEC itself, so
// that one pipeline can have many transactions.
func (o *Op) enqueue(ctx context.Context, p *pipeline) {
	begin := len(p.cmds)
	if o.asking {
		p.add(ctx, asking)
	}
	switch {
	case o.Script != nil:
		p.add(ctx, o.Script.command(o.full, o.Keys, o.Args))
	case len(o.Steps) == 1:
		p.add(ctx, o.Steps[0])
	case !o.asking && len(o.cmds) == len(o.Steps)+2:
		for _, cmd := range o.cmds { // the commands of an earlier use are sent again; an answer replaces their values, but not their errors
			cmd.SetErr(nil)
		}
		p.cmds = append(p.cmds, o.cmds...)
		return
	default:
		p.queue(ctx, multi)
		for _, step := range o.Steps {
			p.queue(ctx, step)
		}
		p.add(ctx, execute)
		o.cmds = slices.Clone(p.cmds[begin:]) // Reuse may keep these commands for long, and must not keep those of other ops
		return
	}
	o.cmds = p.cmds[begin:]
}

// pipeline has commands that are sent together. The library's own pipeline would copy
// them.
type pipeline struct{ cmds []redis.Cmder }

func (p *pipeline) add(ctx context.Context, args []any) {
	p.cmds = append(p.cmds, redis.NewCmd(ctx, args...))
}

// queue adds a command of a transaction. The server only answers that the command is queued.
func (p *pipeline) queue(ctx context.Context, args []any) {
	p.cmds = append(p.cmds, redis.NewStatusCmd(ctx, args...))
}

// exec sends the commands and waits for the answers. Each command then has its answer
// or its error.
func (p *pipeline) exec(ctx context.Context, client *redis.Client) {
	all := client.Pipeline()
	_ = all.BatchProcess(ctx, p.cmds...) // this only queues the commands
	_, _ = all.Exec(ctx)                 // its error is also in one of the commands
}

// take reads the answers from the executed pipeline.
func (o *Op) take() {
	last := o.cmds[len(o.cmds)-1]
	reply, err := last.(*redis.Cmd).Result()
	if errors.Is(err, redis.Nil) {
		reply, err = nil, nil
	}
	if o.Reply, o.Err = nil, err; err != nil {
		if redis.HasErrorPrefix(err, "EXECABORT") {
			o.Err = o.firstError(err)
		}
		return
	}
	if o.Script == nil && len(o.Steps) == 1 {
		o.Reply = []any{reply}
		return
	}
	o.Reply, _ = reply.([]any)
	if len(o.Reply) < len(o.Steps) || len(o.Reply) == 0 {
		o.Err = errors.New("store answered with too few values")
		return
	}
	for _, r := range o.Reply {
		if failed, ok := r.(error); ok {
			o.Err = failed
		}
	}
}

// firstError returns the reason why a transaction was aborted: the error of the command
// that could not be queued. If no command has an error, it returns the parameter abort.
func (o *Op) firstError(abort error) error {
	for _, cmd := range o.cmds {
		if err := cmd.Err(); err != nil {
			return err
		}
	}
	return abort
}

// mayRepeat reports whether the op should be sent in another round, and prepares it for
// that. The op is repeated in three cases. In the first, the server did not execute the
// op, and its answer shows how to repeat it. In the second, the connection was dead
// before the op was sent. In the third, the op only reads, and its connection died. If
// the result wait is true, the caller must pause before the next round.
func (o *Op) mayRepeat(ctx context.Context, t servers.Topology) (repeat, wait bool) {
	if o.Err == nil || errors.Is(o.Err, errSlow) {
		return false, false
	}
	verb, addr := redirect(o.Err)
	switch {
	case redis.HasErrorPrefix(o.Err, "NOSCRIPT"):
		o.full = true
		return true, false
	case !o.Write && o.Script == nil && len(o.Steps) > 1 && redis.HasErrorPrefix(o.Err, "OOM"):
		o.byScript()
		return true, false
	case verb == "MOVED" || verb == "ASK":
		o.to, o.asking = t.Redirected(ctx, addr), verb == "ASK"
		return true, false
	case redis.HasErrorPrefix(o.Err, "TRYAGAIN"): // its slot is being moved to another server
		o.to, o.asking = nil, false
		return true, true
	case o.foundDead(): // each such round removes one dead connection, so the number of rounds is bounded
		return true, false
	case !o.Write && !o.again && !servers.Answered(o.Err) && ctx.Err() == nil:
		o.again = true
		return true, false
	}
	return false, false
}

// foundDead reports whether the op was not sent because its connection was dead.
func (o *Op) foundDead() bool { return errors.Is(o.Err, servers.ErrDead) }

// byScript changes an op that reads in a transaction, so that it reads in a script.
// While its memory is full, Redis 7.0 refuses all commands in a transaction, but allows
// scripts that only read. A script takes several times as long as a transaction.
func (o *Op) byScript() {
	o.Script = readScript
	for _, step := range o.Steps {
		o.Keys = append(o.Keys, step[1].(string))
		o.Args = append(o.Args, step[0], len(step)-2)
		o.Args = append(o.Args, step[2:]...)
	}
}

// redirect returns the first word and the address of an error such as "MOVED 3999
// 127.0.0.1:6381". A proxy may put "ERR" before it. For any other error, both are
// empty.
func redirect(err error) (verb, addr string) {
	if !servers.Answered(err) {
		return "", ""
	}
	words := strings.Fields(strings.TrimPrefix(err.Error(), "ERR "))
	if len(words) != 3 {
		return "", ""
	}
	return words[0], words[2]
}

// NoLog reports whether the op's script answered that its log does not exist.
func (o *Op) NoLog() bool { return o.Err == nil && Text(o.Reply[0]) == "nolog" }

func fail(ops []*Op, err error) {
	for _, o := range ops {
		o.Err = err
	}
}
