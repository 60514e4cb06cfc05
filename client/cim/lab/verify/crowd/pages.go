package crowd

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// addPages adds the pages. If this machine cannot run them, it records the reason in the
// ledger.
func (c *Crowd) addPages(ctx context.Context, config Config, users []int64) error {
	node, err := exec.LookPath("node")
	if err != nil {
		config.Ledger.Write(ledger.Record{Kind: ledger.LeftOut, Fault: "devices of the page", Note: errNoNode.Error()})
		return nil
	}
	dir, err := filepath.Abs(filepath.Join(config.Dir, "page"))
	if err != nil {
		return err
	}
	if err := fetchPage(ctx, c.http, config.Routes[0], dir); err != nil {
		return err
	}
	for i := firstPage; i < len(users) && len(c.pages) < mostPages; i += everyPage {
		n := len(c.pages)
		c.pages = append(c.pages, &Page{
			node: node, dir: dir, name: userName(i), user: users[i], route: config.Routes[n%len(config.Routes)], ledger: config.Ledger,
			orders: newOrders(config.Seed, pagePlace+n, i, len(users), 0), users: users,
			ca: config.CA, password: config.password(), up: make(chan struct{}), open: make(map[string]bool),
		})
	}
	return nil
}

// fetchPage puts the page's modules that the route serves into a folder: chat.js,
// session.js, and the modules that these import. It adds the files that run them in Node.
func fetchPage(ctx context.Context, client *http.Client, route, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	files := map[string][]byte{"package.json": []byte(`{"type": "module"}`)}
	for todo := []string{"chat.js", "session.js"}; len(todo) > 0; todo = todo[1:] {
		if files[todo[0]] != nil {
			continue
		}
		body, err := fetchFile(ctx, client, route+"/web/"+todo[0])
		if err != nil {
			return fmt.Errorf("fetch the page: %w", err)
		}
		files[todo[0]] = body
		for _, name := range imported.FindAllSubmatch(body, -1) {
			todo = append(todo, string(name[1]))
		}
	}
	for _, name := range []string{"browser.mjs", "runner.mjs"} {
		body, err := tab.ReadFile("page/" + name)
		if err != nil {
			return err
		}
		files[name] = body
	}
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func fetchFile(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// arrivePages opens the tabs.
func (c *Crowd) arrivePages(ctx context.Context) error {
	return together(ctx, len(c.pages), func(ctx context.Context, i int) error {
		p := c.pages[i]
		if err := p.Start(ctx); err != nil {
			return err
		}
		p.note(ledger.Record{Kind: ledger.Joined})
		return nil
	})
}
