package vcs

// What the oracle needs of this package's own functions. No logic of ours.

import (
	"encoding/xml"
	"fmt"
	urlpkg "net/url"
	"slices"
	"strings"

	"cmd/go/internal/web"
)

func init() {
	// A path that names a repository by its suffix would be tried with git and hg.
	for _, vcs := range vcsList {
		vcs.PingCmd = ""
	}
}

// OracleStatic fails if go resolves path without asking the server.
func OracleStatic(path string) error {
	root, err := repoRootFromVCSPaths(path, web.Insecure, vcsPaths)
	switch err {
	case errUnknownSite:
		return nil
	case nil:
		return fmt.Errorf("known without asking: %q", root.Repo)
	}
	return err
}

// OracleLookup asks the server, also where go would not need to.
func OracleLookup(path string) (*RepoRoot, error) {
	if OracleStatic(path) != nil {
		return repoRootForImportDynamic(path, PreferMod, web.Insecure)
	}
	return RepoRootForImportPath(path, PreferMod, web.Insecure)
}

// OraclePage returns how many go-import tags a page has, and the one for path.
func OraclePage(html, path string) (tags int, found metaImport, step string, err error) {
	imports, err := parseMetaGoImports(strings.NewReader(html), PreferMod)
	if err != nil {
		return 0, found, "vcs.parseMetaGoImports", err
	}
	if found, err = matchGoImport(imports, path); err != nil {
		return len(imports), found, "vcs.matchGoImport", err
	}
	if err = validateRepoSubDir(found.SubDir); err != nil {
		return len(imports), found, "vcs.validateRepoSubDir", err
	}
	if err = validateRepoRoot(found.RepoRoot); err != nil {
		return len(imports), found, "vcs.validateRepoRoot", err
	}
	return len(imports), found, "encoding/xml, up to </head>", readHead(html)
}

// readHead fails if go's tokenizer cannot read the whole head. parseMetaGoImports stops there
// without an error if it has a tag; readers of go-source need the rest.
func readHead(html string) error {
	d := xml.NewDecoder(strings.NewReader(html))
	d.CharsetReader = charsetReader
	d.Strict = false
	for {
		t, err := d.RawToken()
		if err != nil {
			return err
		}
		if e, ok := t.(xml.EndElement); ok && strings.EqualFold(e.Name.Local, "head") {
			return nil
		}
	}
}

func OracleRepoRoot(repo string) error { return validateRepoRoot(repo) }

func OracleSubDir(subdir string) error { return validateRepoSubDir(subdir) }

func OracleScheme(repo, name string) error {
	vcs := vcsByCmd(name)
	if vcs == nil {
		return fmt.Errorf("unknown vcs %q", name)
	}
	if u, err := urlpkg.Parse(repo); err != nil || !slices.Contains(vcs.Scheme, u.Scheme) {
		return fmt.Errorf("%s does not have the scheme", name)
	}
	return nil
}

func OracleSchemes() map[string][]string {
	schemes := map[string][]string{}
	for _, vcs := range vcsList {
		schemes[vcs.Cmd] = vcs.Scheme
	}
	return schemes
}
