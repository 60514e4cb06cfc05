package record

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/servers"
)

// op is one atomic step on the keys of one slot: a command, a transaction of several
// commands, or a script. The functions that make an op fill the first group of fields.
// Store.run fills the others.
type op struct {
	key    string // chooses the server
	write  bool   // it changes something, so without an answer its outcome is unknown
	steps  [][]any
	script *script
	keys   []string
	args   []any // a script gets a bool as '1' or '0'

	reply []any // one answer per step, or the script's table
	err   error // nil, ErrUnavailable or ErrUnknown once run returns

	to     *redis.Client // the server to which a redirect has sent the op; nil: the one that has key
	asking bool          // the redirect is for this op only (ASK)
	full   bool          // send the script's source, because the server does not know its hash
	again  bool          // it only reads, and was repeated once already
	cmds   []redis.Cmder // commands of the op while it is in flight; a transaction keeps them after that
}

// readOf returns an op that reads key with one or several commands, atomically.
func readOf(key string, steps ...[]any) *op { return &op{key: key, steps: steps} }

// writeTo returns an op that changes key, and other keys of its slot, with one or
// several commands, atomically.
func writeTo(key string, steps ...[]any) *op { return &op{key: key, steps: steps, write: true} }

// These commands go with every transaction and with many pipelines, so they are made
// only once.
var asking, multi, execute, askTime = []any{"asking"}, []any{"multi"}, []any{"exec"}, []any{"time"}

// enqueue puts the op's commands into a pipeline. It writes MULTI and EXEC itself, so
// that one pipeline can have many transactions.
func (o *op) enqueue(ctx context.Context, p *pipeline) {
	begin := len(p.cmds)
	if o.asking {
		p.add(ctx, asking)
	}
	switch {
	case o.script != nil:
		p.add(ctx, o.script.command(o.full, o.keys, o.args))
	case len(o.steps) == 1:
		p.add(ctx, o.steps[0])
	case !o.write && !o.asking && len(o.cmds) == len(o.steps)+2:
		for _, cmd := range o.cmds { // the commands of an earlier use: answers replace old values, but an old error must be removed
			cmd.SetErr(nil)
			p.cmds = append(p.cmds, cmd)
		}
	default:
		p.add(ctx, multi)
		for _, step := range o.steps {
			p.add(ctx, step)
		}
		p.add(ctx, execute)
	}
	o.cmds = p.cmds[begin:]
}

// pipeline has commands that are sent together. The library's own pipeline would copy
// them.
type pipeline struct{ cmds []redis.Cmder }

func (p *pipeline) add(ctx context.Context, args []any) {
	p.cmds = append(p.cmds, redis.NewCmd(ctx, args...))
}

// exec sends the commands and waits for the answers. Each command then has its answer
// or its error.
func (p *pipeline) exec(ctx context.Context, client *redis.Client) {
	all := client.Pipeline()
	_ = all.BatchProcess(ctx, p.cmds...) // it only queues the commands
	_, _ = all.Exec(ctx)                 // its error is also in one of the commands
}

// take reads the answers from the executed pipeline.
func (o *op) take() {
	last := o.cmds[len(o.cmds)-1]
	reply, err := last.(*redis.Cmd).Result()
	if errors.Is(err, redis.Nil) {
		reply, err = nil, nil
	}
	if redis.HasErrorPrefix(err, "EXECABORT") {
		err = o.firstError(err)
	}
	o.reply, o.err = nil, err
	if err != nil {
		return
	}
	if o.script == nil && len(o.steps) == 1 {
		o.reply = []any{reply}
		return
	}
	o.reply, _ = reply.([]any)
	if len(o.reply) < len(o.steps) || len(o.reply) == 0 {
		o.err = errors.New("store answered with too few values")
		return
	}
	for _, r := range o.reply {
		if failed, ok := r.(error); ok {
			o.err = failed
		}
	}
}

// firstError returns the reason why a transaction was aborted: the error of the command
// that could not be queued. If there is none, it returns abort.
func (o *op) firstError(abort error) error {
	for _, cmd := range o.cmds {
		if err := cmd.Err(); err != nil {
			return err
		}
	}
	return abort
}

// mayRepeat reports whether the op should be sent in another round, and prepares it for
// that. It is repeated in three cases. The server did not execute the op and said what
// helps. The connection was dead before the op was sent. The op only reads, and its
// connection died. If wait is true, the caller must pause before the next round.
func (o *op) mayRepeat(ctx context.Context, t servers.Topology) (repeat, wait bool) {
	if o.err == nil || errors.Is(o.err, errSlow) {
		return false, false
	}
	verb, addr := redirect(o.err)
	switch {
	case redis.HasErrorPrefix(o.err, "NOSCRIPT"):
		o.full = true
		return true, false
	case !o.write && o.script == nil && len(o.steps) > 1 && redis.HasErrorPrefix(o.err, "OOM"):
		o.byScript()
		return true, false
	case verb == "MOVED" || verb == "ASK":
		o.to, o.asking = t.Redirected(ctx, addr), verb == "ASK"
		return true, false
	case redis.HasErrorPrefix(o.err, "TRYAGAIN"): // its slot is being moved to another server
		o.to, o.asking = nil, false
		return true, true
	case o.foundDead(): // each such round uses up one dead connection, so there is an end
		return true, false
	case !o.write && !o.again && !servers.Answered(o.err) && ctx.Err() == nil:
		o.again = true
		return true, false
	}
	return false, false
}

// foundDead reports whether the op was not sent because its connection was dead.
func (o *op) foundDead() bool { return errors.Is(o.err, servers.ErrDead) }

// byScript changes an op that reads in a transaction, so that it reads in a script.
// While its memory is full, Redis 7.0 refuses all commands in a transaction, but allows
// scripts that only read. A script takes several times as long as a transaction.
func (o *op) byScript() {
	o.script = readScript
	for _, step := range o.steps {
		o.keys = append(o.keys, step[1].(string))
		o.args = append(o.args, step[0], len(step)-2)
		o.args = append(o.args, step[2:]...)
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

// noLog reports whether the op's script answered that its log does not exist.
func (o *op) noLog() bool { return o.err == nil && text(o.reply[0]) == "nolog" }

func fail(ops []*op, err error) {
	for _, o := range ops {
		o.err = err
	}
}
