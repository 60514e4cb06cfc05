package chat

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/cim-go/cim/client"
)

// Session has the methods of a *client.Client that the terminal needs.
type Session interface {
	Self() client.User
	Device() string
	State() client.State
	SendMessage(ctx context.Context, m client.Outgoing) (client.Receipt, error)
	Receive(ctx context.Context) (client.Message, error)
	Event(ctx context.Context) (client.Event, error)
	OnlinePage(ctx context.Context, prefix string, after int64, limit int) (client.Page, error)
	UserByName(ctx context.Context, name string) (client.User, error)
	CreateGroup(ctx context.Context, name string, members ...int64) (client.CreatedGroup, error)
	JoinGroup(ctx context.Context, group int64) error
	LeaveGroup(ctx context.Context, group int64) error
	AddMemberOrInvite(ctx context.Context, group, user int64) (invited bool, err error)
	Invitations(ctx context.Context) ([]client.Invitation, error)
	AcceptInvitation(ctx context.Context, group int64) error
	DeclineInvitation(ctx context.Context, group int64) error
	RemoveMember(ctx context.Context, group, user int64) error
	GiveGroupRole(ctx context.Context, group, user int64, role string) error
	Groups(ctx context.Context) ([]client.Group, error)
	ScheduleAfter(ctx context.Context, m client.Outgoing, delay time.Duration) (client.Scheduled, error)
	ScheduledPage(ctx context.Context, after string, limit int) (client.ScheduledPage, error)
	CancelScheduled(ctx context.Context, id string) error
	Sessions(ctx context.Context) ([]client.DeviceSession, error)
	EndSession(ctx context.Context, device string) error
	EndOtherSessions(ctx context.Context) error
	ChangePassword(ctx context.Context, old, next string) error
	DeleteAccount(ctx context.Context, password string) error
	Export(ctx context.Context, w io.Writer) error
	ContactsPage(ctx context.Context, kind string, after int64, limit int) (client.ContactsPage, error)
	RequestContact(ctx context.Context, user int64, text string) (state string, err error)
	AcceptContact(ctx context.Context, user int64) error
	DeclineContact(ctx context.Context, user int64) error
	RemoveContact(ctx context.Context, user int64) error
	RemarkContact(ctx context.Context, user int64, remark string) error
	Block(ctx context.Context, user int64) error
	Unblock(ctx context.Context, user int64) error
	Consent(ctx context.Context) (client.Consent, error)
	SetConsent(ctx context.Context, in client.Consent) (client.Consent, error)
	Report(ctx context.Context, m client.Message, reason, note string) error
	ReportsPage(ctx context.Context, after int64, limit int) (client.ReportsPage, error)
	CloseReport(ctx context.Context, report, decision, note string) error
	GroupMembersPage(ctx context.Context, group, after int64, limit int) (client.MembersPage, error)
}

// Searcher finds messages that were shown earlier. A *history.File implements it.
type Searcher interface {
	Search(word string, n int) ([]client.Message, error)
	From(user int64, n int) ([]client.Message, error)
}

// Config is what Run needs. Only Client is required.
type Config struct {
	Client  Session
	History Searcher       // nil: there is nothing to search
	In      io.Reader      // nil: standard input
	Out     io.Writer      // nil: standard output
	Zone    *time.Location // time zone of the times that are shown; nil: the local one
}

const (
	sendQueue = 64               // how many lines may wait to be sent; above that, the next line is not read yet
	slowSend  = 2 * time.Second  // after this time without an answer, the terminal shows that a message still waits
	lastSends = 10 * time.Second // how long quitting waits for the lines that were typed
)

// errQuit ends Run without an error.
var errQuit = errors.New("the user quits")

// chat is the state of one call of Run.
type chat struct {
	cfg    Config
	screen screen
	sends  chan outgoing
	names  groupNames
	marks  marks

	// Owned by the goroutine of Run, which carries out the lines.
	answering bool     // lines are answered here, see toyAnswer
	laters    []later  // delayed messages that were shown to the user, by their numbers
	secrets   []string // the secrets that were typed after the present line
}

// outgoing is a message that was typed. The field whom is the receiver's name in the form
// in which the terminal shows it.
type outgoing struct {
	message client.Outgoing
	whom    string
}

// Run chats until the user quits, In ends, ctx ends or the client stops. Before it
// returns, it sends the lines that were typed by then. It returns nil if the user quit or
// In ended. After any other end, it returns the reason.
func Run(ctx context.Context, cfg Config) error {
	if cfg.In == nil {
		cfg.In = os.Stdin
	}
	if cfg.Out == nil {
		cfg.Out = os.Stdout
	}
	if cfg.Zone == nil {
		cfg.Zone = time.Local
	}
	screen, err := openScreen(cfg.In, cfg.Out)
	if err != nil {
		return err
	}
	defer screen.close()
	c := &chat{
		cfg: cfg, screen: screen, sends: make(chan outgoing, sendQueue),
		names: groupNames{known: make(map[int64]string)},
	}
	return c.run(ctx)
}

func (c *chat) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()
	var background, sender sync.WaitGroup
	background.Go(func() { cancel(c.receive(ctx)) })
	background.Go(func() { c.events(ctx) })
	sender.Go(func() { c.send(sending) })
	c.greet()

	err := c.obeyLines(ctx)
	unsent := time.AfterFunc(lastSends, stopSending)
	defer unsent.Stop()
	if !errors.Is(err, errQuit) {
		stopSending() // the client stopped, or the program has to end
	}
	cancel(err)
	close(c.sends)
	sender.Wait()
	background.Wait()
	if errors.Is(err, errQuit) {
		return nil
	}
	return err
}

// obeyLines carries out the lines that the user types, until they quit or ctx ends. It
// returns errQuit or the cause of the end.
func (c *chat) obeyLines(ctx context.Context) error {
	lines := make(chan typed)
	go c.readLines(ctx, lines) // see the package comment
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case t, ok := <-lines:
			if !ok {
				return errQuit
			}
			c.secrets = t.secrets
			if err := c.obey(ctx, t.line); err != nil {
				return err
			}
		}
	}
}

func (c *chat) readLines(ctx context.Context, lines chan<- typed) {
	defer close(lines)
	for {
		line, err := c.readTyped()
		if err != nil {
			return
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return
		}
	}
}

// receive shows messages until no more can come, and returns the reason for the end.
func (c *chat) receive(ctx context.Context) error {
	for {
		m, err := c.cfg.Client.Receive(ctx)
		if err != nil {
			return err
		}
		c.screen.print(c.message(ctx, m))
	}
}

// events shows changes of the connection, and delivery marks of messages that were shown
// to their receivers.
func (c *chat) events(ctx context.Context) {
	for {
		e, err := c.cfg.Client.Event(ctx)
		if err != nil {
			return
		}
		line := happening(e)
		if d, ok := e.(client.Delivered); ok {
			line = c.delivered(d)
		}
		if line != "" {
			c.screen.print(c.screen.dim(line))
		}
	}
}

// send sends the messages that were typed, one after another, so that they keep their
// order.
func (c *chat) send(ctx context.Context) {
	for m := range c.sends {
		slow := time.AfterFunc(slowSend, func() {
			c.screen.print(c.screen.dim("* your message to " + m.whom + " waits for the connection"))
		})
		_, err := c.cfg.Client.SendMessage(ctx, m.message)
		slow.Stop()
		if err != nil {
			c.screen.print(c.notSent(m, err))
		}
	}
}
