package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/cim-go/cim/client/cim/chat"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/ring"
)

// showRing is `cim ring`. It shows the members that a route knows, their loads, and the
// owner of a user. It also shows which users would move if a member joined or left.
func showRing(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim ring", flag.ContinueOnError)
	fs.SetOutput(stderr)
	route := fs.String("route", defaultRoute, "`URL` of a route, or of a node's internal HTTP")
	user := fs.Int64("user", 0, "show which member owns the user with this `id`")
	join := fs.String("join", "", "show what would move if a member with this `id` joined")
	leave := fs.String("leave", "", "show what would move if the member with this `id` left")
	var t trust
	t.register(fs)
	asJSON := fs.Bool("json", false, "print the members as the route answers them")
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := t.client()
	if err != nil {
		return err
	}
	body, err := fetchMembers(ctx, client, *route)
	if err != nil {
		return err
	}
	if *asJSON {
		text, err := forPrograms(body)
		if err == nil {
			_, err = fmt.Println(text)
		}
		return err
	}
	var members []ring.Member
	if err := json.Unmarshal(body, &members); err != nil {
		return fmt.Errorf("read members of %s: %w", *route, err)
	}
	view := ring.NewView(members)
	printMembers(os.Stdout, view)
	if *user != 0 {
		printOwner(os.Stdout, view, *user)
	}
	if *join != "" {
		printMove(os.Stdout, view, "joined", *join, with(view, *join))
	}
	if *leave != "" {
		if _, ok := view.Member(*leave); !ok {
			return fmt.Errorf("there is no member %q", *leave)
		}
		printMove(os.Stdout, view, "left", *leave, without(view, *leave))
	}
	return nil
}

// forPrograms returns an answer in JSON without changes, with one exception. Characters
// that a terminal may obey become JSON escapes.
func forPrograms(body []byte) (string, error) {
	if !json.Valid(body) || !utf8.Valid(body) {
		return "", errors.New("the answer is not JSON")
	}
	var b strings.Builder
	for _, r := range string(bytes.TrimSpace(body)) {
		if chat.Obeyed(r) && r != '\n' && r != '\t' && r != '\r' { // between values, these three are only white space
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String(), nil
}

// fetchMembers reads the list of members from a route, or from a node, which has it at
// another path.
func fetchMembers(ctx context.Context, client *http.Client, base string) ([]byte, error) {
	body, err := fetch(ctx, client, base+proto.PathMembers)
	if errors.Is(err, errNoPage) {
		return fetch(ctx, client, base+proto.PathRing)
	}
	return body, err
}

// errNoPage is the error of fetch if the answer is 404.
var errNoPage = errors.New("404 Not Found")

// maxMembers bounds the answer in bytes. A list of 1,000 members takes some 700 KB.
const maxMembers = 16 << 20

func fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", url, err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("read %s: %w", url, errNoPage)
	default:
		return nil, fmt.Errorf("read %s: %s", url, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxMembers))
}

func printMembers(w io.Writer, view *ring.View) {
	shares := view.Ring().Shares()
	fmt.Fprintf(w, "%d members, %d on the ring %016x\n\n", len(view.Members()), view.Ring().Len(), view.Ring().Signature())
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "MEMBER\tSTATE\tCLIENTS\tGOSSIP\tZONE\tWEIGHT\tLOAD\tOWNS")
	for _, m := range view.Members() {
		cells := []string{m.ID, m.State.String(), m.Client, m.Gossip, cmp.Or(m.Zone, "-")}
		for i, cell := range cells {
			cells[i] = chat.CleanLine(cell) // CleanLine also removes tabs
		}
		fmt.Fprintf(table, "%s\t%d\t%d/8\t%.1f %%\n", strings.Join(cells, "\t"), m.Weight, m.Load, 100*shares[m.ID])
	}
	table.Flush()
}

func printOwner(w io.Writer, view *ring.View, user int64) {
	owner, ok := view.Ring().Owner(user)
	if !ok {
		fmt.Fprintf(w, "\nnobody owns user %d: no member serves\n", user)
		return
	}
	fmt.Fprintf(w, "\nuser %d belongs to %s\n", user, chat.CleanLine(owner))
}

func printMove(w io.Writer, view *ring.View, verb, id string, after *ring.Ring) {
	fmt.Fprintf(w, "\nif %s %s, %.1f %% of the users would have another owner\n",
		strconv.Quote(id), verb, 100*ring.Moved(view.Ring(), after))
}

func with(view *ring.View, id string) *ring.Ring {
	members := serving(view, id)
	weight := 1
	if len(members) > 0 {
		weight = members[0].Weight
	}
	return ring.New(append(members, ring.Member{ID: id, Weight: weight, State: ring.Serving}))
}

func without(view *ring.View, id string) *ring.Ring { return ring.New(serving(view, id)) }

// serving returns the members on the ring, except the one in the parameter except.
func serving(view *ring.View, except string) []ring.Member {
	var list []ring.Member
	for _, m := range view.Members() {
		if m.State == ring.Serving && m.ID != except {
			list = append(list, m)
		}
	}
	return list
}
