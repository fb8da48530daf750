// The oracle answers questions with the go command's own functions. It reads one JSON object a
// line and writes one answer for each, in order. The test adds it to a build of cmd/go's
// packages by an overlay, as src/cmd/go/oracle/oracle.go.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"

	"cmd/go/internal/load"
	"cmd/go/internal/modfetch"
	"cmd/go/internal/vcs"
	"cmd/go/internal/web/intercept"

	"golang.org/x/mod/module"
)

// A question; Op names the method that answers it.
type question struct {
	Op     string
	Path   string // an import path
	Repo   string
	VCS    string
	SubDir string
	HTML   string
	Hosts  []string
	Addr   string // where the server for Hosts listens
}

// An answer. Refused is empty, or says which function of Go's refuses, and what it says.
type answer struct {
	Refused                 string
	Root, VCS, Repo, SubDir string
	Tags                    int
	Invalid                 []bool // for each prefix of the path: CheckPath refuses it
	Schemes                 map[string][]string
}

// A check is one of Go's functions, by its name.
type check struct {
	name string
	run  func() error
}

// refused says what the first check that fails says. The later ones may rely on it.
func refused(checks ...check) string {
	for _, c := range checks {
		if err := c.run(); err != nil {
			return c.name + ": " + err.Error()
		}
	}
	return ""
}

// modulePath asks whether go can use a module at q.Path that a server announces.
func (q *question) modulePath() answer {
	return answer{Refused: refused(
		check{"module.CheckPath", func() error { return module.CheckPath(q.Path) }},
		check{"module.CheckImportPath", func() error { return module.CheckImportPath(q.Path) }},
		check{"vcs.repoRootFromVCSPaths", func() error { return vcs.OracleStatic(q.Path) }},
		check{"vcs.RepoRootForImportPath", func() error {
			if strings.Contains(q.Path, "...") {
				return fmt.Errorf("cannot expand ... in %q", q.Path)
			}
			return nil
		}},
		check{"load.FindVendor", func() error {
			if i, ok := load.FindVendor(q.Path); ok {
				return fmt.Errorf("must be imported as %q", q.Path[i+len("vendor/"):])
			}
			return nil
		}},
		check{"load.SafeArg", func() error {
			if name := path.Base(q.Path); !load.SafeArg(name) {
				return fmt.Errorf("invalid input directory name %q", name)
			}
			return nil
		}},
	)}
}

// repository asks whether go can fetch q.Repo with q.VCS.
func (q *question) repository() answer {
	fetch := check{"vcs.Cmd.Scheme", func() error { return vcs.OracleScheme(q.Repo, q.VCS) }}
	if q.VCS == "mod" {
		fetch = check{"modfetch.newProxyRepo", func() error {
			return modfetch.OracleProxy(q.Repo, "h.example/m")
		}}
	}
	root := check{"vcs.validateRepoRoot", func() error { return vcs.OracleRepoRoot(q.Repo) }}
	return answer{Refused: refused(root, fetch)}
}

func (q *question) subDir() answer {
	return answer{Refused: refused(
		check{"vcs.validateRepoSubDir", func() error { return vcs.OracleSubDir(q.SubDir) }},
	)}
}

// page reads q.HTML as the answer to a request for q.Path.
func (q *question) page() (a answer) {
	tags, found, name, err := vcs.OraclePage(q.HTML, q.Path)
	a.Tags = tags
	a.Refused = refused(check{name, func() error { return err }})
	a.Root, a.VCS, a.Repo, a.SubDir = found.Prefix, found.VCS, found.RepoRoot, found.SubDir
	return a
}

// lookup asks the running server, as `go get` does.
func (q *question) lookup() (a answer) {
	for i := range q.Path + "/" {
		if i == len(q.Path) || q.Path[i] == '/' {
			a.Invalid = append(a.Invalid, module.CheckPath(q.Path[:i]) != nil)
		}
	}
	a.Refused = refused(
		check{"module.CheckImportPath", func() error { return module.CheckImportPath(q.Path) }},
		check{"vcs.RepoRootForImportPath", func() error {
			rr, err := vcs.OracleLookup(q.Path)
			if err == nil {
				a.Root, a.Repo, a.SubDir, a.VCS = rr.Root, rr.Repo, rr.SubDir, rr.VCS.Cmd
			}
			return err
		}},
	)
	return a
}

// hosts sends the requests for q.Hosts to the server at q.Addr, by plain HTTP: nothing
// listens where those by HTTPS go.
func (q *question) hosts() answer {
	var to []intercept.Interceptor
	for _, host := range q.Hosts {
		to = append(to,
			intercept.Interceptor{Scheme: "https", FromHost: host, ToHost: "127.0.0.1:1"},
			intercept.Interceptor{Scheme: "http", FromHost: host, ToHost: q.Addr})
	}
	return answer{Refused: refused(
		check{"intercept.EnableTestHooks", func() error { return intercept.EnableTestHooks(to) }},
	)}
}

func (q *question) answer() answer {
	switch q.Op {
	case "path":
		return q.modulePath()
	case "repo":
		return q.repository()
	case "subdir":
		return q.subDir()
	case "page":
		return q.page()
	case "lookup":
		return q.lookup()
	case "hosts":
		return q.hosts()
	case "schemes":
		return answer{Schemes: vcs.OracleSchemes()}
	}
	panic("unknown op " + q.Op)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	var questions []question
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			panic(err)
		}
		questions = append(questions, q)
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
	answers := make([]answer, len(questions))
	var wait sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range questions {
		if questions[i].Op == "hosts" {
			answers[i] = questions[i].answer()
			continue
		}
		slots <- struct{}{}
		wait.Go(func() {
			answers[i] = questions[i].answer()
			<-slots
		})
	}
	wait.Wait()
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for _, a := range answers {
		if err := encoder.Encode(a); err != nil {
			panic(err)
		}
	}
	if err := out.Flush(); err != nil {
		panic(err)
	}
}
