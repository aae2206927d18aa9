package mcp_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestAgentReadsAndCannotWrite is the whole way: a WordPress, Sparekey in front of
// it, a password for an agent, and the agent's tools.
func TestAgentReadsAndCannotWrite(t *testing.T) {
	t.Parallel()
	server := installMCPServer(t)
	wordpress := wptest.Start(t, wptest.Config{})
	wordpress.PHP(t, `wp_insert_post(array('post_title' => 'For the agent', 'post_status' => 'draft', 'post_author' => (int) $argv[1]));`,
		fmt.Sprint(wordpress.Users[wptest.Editor].ID))
	sparekey := buildSparekey(t)
	database := "--database=" + wordpress.DatabaseURL()
	site := serve(t, sparekey, database, "--upstream="+wordpress.URL)
	secret := output(t, sparekey, database, "user", "application-password", "create", wptest.Editor, "AI agent",
		"--scope=read", "--expires=24h", "--network=127.0.0.0/8", "--porcelain")

	agent := startAgent(t, server, site, wptest.Editor, secret)
	agent.wantOK("wp_list_posts", map[string]any{"status": "draft"}, "For the agent")
	agent.wantOK("wp_me", map[string]any{}, wptest.Editor)
	for tool, args := range map[string]map[string]any{
		"wp_create_post": {"title": "Written by an agent"},
		"wp_update_post": {"id": 1, "title": "Changed by an agent"},
		"wp_delete_post": {"id": 1},
	} {
		agent.wantRefused(tool, args, "403", "no scope covers", "it has: read")
	}
	titles := wordpress.PHP(t, `foreach (get_posts(array('post_status' => 'any', 'numberposts' => -1)) as $p) { echo $p->post_title, "\n"; }`)
	if strings.Contains(titles, "by an agent") || !strings.Contains(titles, "For the agent") {
		t.Errorf("the posts are now:\n%s", titles)
	}
}

// installMCPServer gets the MCP server from npm and returns what to run.
func installMCPServer(t *testing.T) string {
	t.Helper()
	npm := testproc.Program(t, script, "npm")
	dir := testproc.Dir(t)
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), npm, "ci", "--silent")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Logf("npm ci: %v\n%s", err, out)
		testproc.Missing(t, "the MCP server, from npm,", script)
	}
	return filepath.Join(dir, "node_modules", "@cavort-it-systems", "wordpress-mcp", "build", "index.js")
}

// script installs npm.
const script = "apt-get install npm"

func buildSparekey(t *testing.T) string {
	t.Helper()
	path := filepath.Join(testproc.Dir(t), "sparekey")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/sparekey").CombinedOutput(); err != nil {
		t.Fatalf("build sparekey: %v\n%s", err, out)
	}
	return path
}

// serve starts a server and returns its URL.
func serve(t *testing.T, sparekey string, args ...string) string {
	t.Helper()
	addr := "127.0.0.1:" + testproc.FreePort(t)
	cmd := exec.Command(sparekey, append([]string{"serve", "--listen=" + addr}, args...)...)
	testproc.Start(t, cmd, filepath.Join(testproc.Dir(t), "log"), testproc.Accepts("tcp", addr))
	return "http://" + addr
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return strings.TrimSpace(string(out))
}

// agent speaks the Model Context Protocol with a server over its input and output:
// JSON-RPC 2.0, a message a line.
type agent struct {
	t    *testing.T
	in   io.Writer
	out  *bufio.Scanner
	last int
}

func startAgent(t *testing.T, server, site, login, secret string) *agent {
	t.Helper()
	sites, err := json.Marshal([]map[string]string{{"id": "site", "url": site, "username": login, "password": secret}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testproc.Program(t, script, "node"), server)
	cmd.Env = append(os.Environ(), "WORDPRESS_SITES="+string(sites))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which tells it to end
		_ = cmd.Wait() // or the context has killed it
	})
	a := &agent{t: t, in: in, out: bufio.NewScanner(out)}
	a.out.Buffer(nil, 4<<20)
	a.call("initialize", map[string]any{
		"protocolVersion": "2025-06-18", "capabilities": map[string]any{},
		"clientInfo": map[string]string{"name": "sparekey-test", "version": "1"},
	})
	a.send(map[string]any{"jsonrpc": "2.0", "method": "notifications/initialized"})
	return a
}

func (a *agent) send(message map[string]any) {
	a.t.Helper()
	line, err := json.Marshal(message)
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(a.in, "%s\n", line); err != nil {
		a.t.Fatal(err)
	}
}

// call sends a request and waits for its answer.
func (a *agent) call(method string, params map[string]any) json.RawMessage {
	a.t.Helper()
	a.last++
	a.send(map[string]any{"jsonrpc": "2.0", "id": a.last, "method": method, "params": params})
	for a.out.Scan() {
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  json.RawMessage
		}
		if err := json.Unmarshal(a.out.Bytes(), &answer); err != nil || answer.ID != a.last {
			continue // a notification
		}
		if answer.Error != nil {
			a.t.Fatalf("%s: %s", method, answer.Error)
		}
		return answer.Result
	}
	a.t.Fatalf("%s: no answer: %v", method, a.out.Err())
	return nil
}

// tool calls one of the server's tools on the site.
func (a *agent) tool(name string, args map[string]any) (text string, failed bool) {
	a.t.Helper()
	args["site"] = "site"
	var result struct {
		Content []struct{ Text string }
		IsError bool
	}
	if err := json.Unmarshal(a.call("tools/call", map[string]any{"name": name, "arguments": args}), &result); err != nil {
		a.t.Fatal(err)
	}
	for _, c := range result.Content {
		text += c.Text
	}
	return text, result.IsError
}

func (a *agent) wantOK(tool string, args map[string]any, part string) {
	a.t.Helper()
	if text, failed := a.tool(tool, args); failed || !strings.Contains(text, part) {
		a.t.Errorf("%s: failed %v: %s", tool, failed, text)
	}
}

func (a *agent) wantRefused(tool string, args map[string]any, parts ...string) {
	a.t.Helper()
	text, failed := a.tool(tool, args)
	for _, part := range parts {
		if !failed || !strings.Contains(text, part) {
			a.t.Errorf("%s: failed %v, want %q in: %s", tool, failed, part, text)
		}
	}
}
