package record

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
)

// op is one atomic step on the keys of one slot: a command, a transaction of
// several, or a script. The makers below fill the first group; Store.run fills
// the rest.
type op struct {
	key    string // says which server
	write  bool   // an answer that does not come leaves the outcome unknown
	steps  [][]any
	script *script
	keys   []string
	args   []any

	reply []any // an answer a step, or the script's table
	err   error // nil, ErrUnavailable or ErrUnknown once run returns

	to     *redis.Client // set by a redirect
	asking bool          // the redirect is for this time only
	full   bool          // send the script's text: its server does not know it
	again  bool          // a read that was repeated once
	cmds   []redis.Cmder // while in flight, and of a transaction after that
}

// readOf reads key with one or several commands, atomically.
func readOf(key string, steps ...[]any) *op { return &op{key: key, steps: steps} }

// writeTo changes key and its like with one or several commands, atomically.
func writeTo(key string, steps ...[]any) *op { return &op{key: key, steps: steps, write: true} }

// What is sent with every transaction and with many pipelines, made once.
var asking, multi, execute, askTime = []any{"asking"}, []any{"multi"}, []any{"exec"}, []any{"time"}

// enqueue puts the op's commands into a pipeline. A transaction is written out
// as MULTI and EXEC so that many of them fit into one pipeline.
func (o *op) enqueue(ctx context.Context, p *pipeline) {
	begin := len(p.cmds)
	if o.asking {
		p.add(ctx, asking)
	}
	switch {
	case o.script != nil:
		p.add(ctx, o.script.call(o.full, o.keys, o.args))
	case len(o.steps) == 1:
		p.add(ctx, o.steps[0])
	case !o.write && !o.asking && len(o.cmds) == len(o.steps)+2:
		for _, cmd := range o.cmds { // made before; an answer replaces the last, a broken connection no error
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

// pipeline is commands that are sent together. The library's own would keep them a
// second time.
type pipeline struct{ cmds []redis.Cmder }

func (p *pipeline) add(ctx context.Context, args []any) {
	p.cmds = append(p.cmds, redis.NewCmd(ctx, args...))
}

// exec sends what was added and waits for the answers. Each command has its own,
// or its error.
func (p *pipeline) exec(ctx context.Context, client *redis.Client) {
	all := client.Pipeline()
	_ = all.BatchProcess(ctx, p.cmds...) // only queues
	_, _ = all.Exec(ctx)                 // its error is that of one of the commands
}

// take reads the answers out of the executed pipeline.
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
		o.err = errors.New("answer is cut off")
		return
	}
	for _, r := range o.reply {
		if failed, ok := r.(error); ok {
			o.err = failed
		}
	}
}

// firstError returns why a transaction was aborted: the answer to the command
// that could not be queued.
func (o *op) firstError(abort error) error {
	for _, cmd := range o.cmds {
		if err := cmd.Err(); err != nil {
			return err
		}
	}
	return abort
}

// mayRepeat prepares the op for another round if that is safe and of use: the
// server said that it did not execute it and what to do instead, its connection
// was found dead before it was sent, or it only reads and its connection died. Wait says that it is of use only later.
func (o *op) mayRepeat(ctx context.Context, d door) (repeat, wait bool) {
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
		o.to, o.asking = d.redirected(ctx, addr), verb == "ASK"
		return true, false
	case redis.HasErrorPrefix(o.err, "TRYAGAIN"): // the slot is on its way
		o.to, o.asking = nil, false
		return true, true
	case o.foundDead(): // each time with one connection less: it ends
		return true, false
	case !o.write && !o.again && !answered(o.err) && ctx.Err() == nil:
		o.again = true
		return true, false
	}
	return false, false
}

// foundDead reports whether the connection was found dead before the op was sent.
func (o *op) foundDead() bool { return errors.Is(o.err, errDead) }

// byScript makes a script of an op that reads in a transaction: Redis 7.0 refuses
// whatever is in one while its memory is full, and reads have to go on. A script
// costs several times as much.
func (o *op) byScript() {
	o.script = readScript
	for _, step := range o.steps {
		o.keys = append(o.keys, step[1].(string))
		o.args = append(o.args, step[0], len(step)-2)
		o.args = append(o.args, step[2:]...)
	}
}

// redirect reads the verb and the address out of an answer such as
// "MOVED 3999 127.0.0.1:6381", which a proxy may put "ERR" before.
func redirect(err error) (verb, addr string) {
	if !answered(err) {
		return "", ""
	}
	words := strings.Fields(strings.TrimPrefix(err.Error(), "ERR "))
	if len(words) != 3 {
		return "", ""
	}
	return words[0], words[2]
}

// text returns an answer as a string; that of nil is empty.
func text(reply any) string {
	s, _ := reply.(string)
	return s
}
