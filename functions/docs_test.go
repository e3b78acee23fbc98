package functions_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"krmfn.dev/harbor/functions"
	"krmfn.dev/harbor/internal/golden"
	"krmfn.dev/harbor/internal/krm"
)

// TestGoldenDocuments derives README.md and definition.yaml of each function from
// its package comment, its settings and the golden case example.
func TestGoldenDocuments(t *testing.T) {
	for _, f := range documented(t) {
		t.Run(f.Name, func(t *testing.T) {
			dir := folder(f)
			if got := filepath.Base(reflect.TypeOf(f.New()).Elem().PkgPath()); got != dir {
				t.Errorf("the package is called %s, want %s", got, dir)
			}
			golden.Compare(t, filepath.Join(dir, "README.md"), f.Manual)
			golden.Compare(t, filepath.Join(dir, "definition.yaml"), definition(t, f))
		})
	}
}

// TestManuals checks that the program holds the manual of each function.
func TestManuals(t *testing.T) {
	for _, f := range functions.Catalog.Functions {
		if f.Manual != golden.Read(t, filepath.Join(folder(f), "README.md")) {
			t.Errorf("the manual of %s is not its README.md", f.Name)
		}
	}
}

// documented returns the functions with the manuals of today, not with those
// that were compiled in.
func documented(t *testing.T) []krm.Function {
	all := slices.Clone(functions.Catalog.Functions)
	for i, f := range all {
		all[i].Manual = readme(t, f, folder(f))
	}
	return all
}

// folder is the package of a function.
func folder(f krm.Function) string { return strings.ReplaceAll(f.Name, "-", "") }

// TestDefinitions validates the example of each function with its definition:
// it fits, and does not with one more setting.
func TestDefinitions(t *testing.T) {
	for _, f := range functions.Catalog.Functions {
		gvk := resid.NewGvk(functions.Group, "v1alpha1", f.Kind())
		schema, err := framework.SchemaFromFunctionDefinition(gvk, definition(t, f))
		if err != nil {
			t.Fatal(err)
		}
		var config map[string]any
		if err := yaml.Unmarshal([]byte(golden.Read(t, filepath.Join("../testdata", f.Name, "example/config.yaml"))), &config); err != nil {
			t.Fatal(err)
		}
		if err := validate.AgainstSchema(schema, config, strfmt.Default); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		config["spec"].(map[string]any)["unknown"] = true
		if err := validate.AgainstSchema(schema, config, strfmt.Default); err == nil {
			t.Errorf("%s: an unknown setting is valid", f.Name)
		}
	}
}

func readme(t *testing.T, f krm.Function, dir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", f.Name, manual(t, dir))
	fmt.Fprintf(&b, "## Settings\n\nThey go under `spec` of a function config of apiVersion `%s` and kind `%s`.\n\n", functions.Catalog.APIVersion, f.Kind())
	b.WriteString("| setting | type | default | meaning |\n|---|---|---|---|\n")
	for _, s := range settings(t, "", reflect.TypeOf(f.New()).Elem()) {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.path, s.typ, s.value, strings.ReplaceAll(s.comment, "|", `\|`))
	}
	example := filepath.Join("../testdata", f.Name, "example")
	fmt.Fprintf(&b, "\n## Example\n\nThis function config\n\n```yaml\n%s```\n", golden.Read(t, filepath.Join(example, "config.yaml")))
	base := golden.BaseName(t, example)
	manifests := "base/" + base
	if golden.ReadOptional(t, filepath.Join(example, "in.yaml")) != "" {
		manifests = "testdata/" + f.Name + "/example/in.yaml"
	}
	of := fmt.Sprintf("of the manifests of Harbor %s (`%s`)", releaseIn[base], manifests)
	if diff := golden.ReadOptional(t, filepath.Join(example, "out.diff")); diff != "" {
		fmt.Fprintf(&b, "\nchanges %s like this:\n\n```diff\n%s```\n", strings.TrimPrefix(of, "of "), diff)
	} else {
		fmt.Fprintf(&b, "\nsays %s:\n\n```\n%s```\n", of, golden.Read(t, filepath.Join(example, "findings.txt")))
	}
	fmt.Fprintf(&b, "\n<!-- Derived from %s.go and testdata/%s/example: make golden rewrites it. -->\n", dir, f.Name)
	return b.String()
}

// releaseIn is the release of Harbor in a base.
var releaseIn = map[string]string{"harbor-1.2": "1.2", "harbor-2": "2.15"}

// manual is the package comment as Markdown: the first sentence alone, then the
// rest.
func manual(t *testing.T, dir string) string {
	p := parse(t, dir)
	text := strings.TrimPrefix(p.Doc, "Package "+dir+" ")
	text = strings.ToUpper(text[:1]) + text[1:]
	return string(p.Printer().Markdown(p.Parser().Parse(text)))
}

type setting struct{ path, typ, value, comment string }

// settings lists the settings of a type and of the types below it.
func settings(t *testing.T, parent string, typ reflect.Type) []setting {
	comments := fieldComments(t, typ)
	var all []setting
	for _, s := range krm.Settings(typ) {
		field := typ.FieldByIndex(s.Index)
		comment := comments[field.Name]
		if len(s.Index) > 1 { // from an inline struct
			comment = fieldComments(t, typ.Field(s.Index[0]).Type)[field.Name]
		}
		if comment == "" {
			t.Errorf("%s.%s has no comment", typ, field.Name)
		}
		path := strings.TrimPrefix(parent+"."+s.Name, ".")
		value := s.Default
		switch {
		case s.Required:
			value = "required"
		case value != "":
			value = "`" + value + "`"
		}
		below, name := s.Type, ""
		if below.Kind() == reflect.Pointer {
			below = below.Elem()
		}
		if below.Kind() == reflect.Map {
			below, name = below.Elem(), ".NAME"
		}
		all = append(all, setting{path, typeName(s.Type), value, comment})
		if below.Kind() == reflect.Struct {
			inner := settings(t, path+name, below)
			if s.Type.Kind() == reflect.Struct && !s.Required && slices.ContainsFunc(inner, func(s setting) bool { return s.value == "required" }) {
				t.Errorf("%s is not marked required, and leaving it out is an error: it holds what is required", path)
			}
			all = append(all, inner...)
		}
	}
	return all
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Struct:
		if words := wordsOf(t); len(words) > 0 {
			return "mapping, or " + strings.Join(words, ", ")
		}
		return "mapping"
	case reflect.Map:
		return "mapping of names to " + typeName(t.Elem())
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Interface:
		return "string, integer or boolean"
	case reflect.Int:
		return "integer"
	case reflect.Bool:
		return "boolean"
	}
	return t.Kind().String()
}

// wordsOf are those that stand for all of a struct.
func wordsOf(t reflect.Type) []string {
	if worded, ok := reflect.New(t).Interface().(krm.Worded); ok {
		return worded.Words()
	}
	return nil
}

// fieldComments returns the comments of a struct's fields, each on one line.
func fieldComments(t *testing.T, typ reflect.Type) map[string]string {
	dir := "../" + strings.TrimPrefix(typ.PkgPath(), "krmfn.dev/harbor/")
	comments := map[string]string{}
	for _, d := range parse(t, dir).Types {
		if d.Name != typ.Name() {
			continue
		}
		for _, f := range d.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType).Fields.List {
			for _, name := range f.Names {
				comments[name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
	}
	return comments
}

// parse reads the package in a folder.
func parse(t *testing.T, dir string) *doc.Package {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// definition is the KRMFunctionDefinition: what machines read instead of the
// README.
func definition(t *testing.T, f krm.Function) string {
	group, version, _ := strings.Cut(functions.Catalog.APIVersion, "/")
	spec := schema(t, reflect.TypeOf(f.New()).Elem())
	root := krm.Map(
		"apiVersion", framework.FunctionDefinitionGroupVersion,
		"kind", framework.FunctionDefinitionKind,
		"metadata", krm.Map("name", f.Name+"."+group),
		"spec", krm.Map(
			"group", group,
			"description", f.Summary(),
			"names", krm.Map("kind", f.Kind()),
			"versions", krm.List(krm.Map(
				"name", version,
				"idempotent", true,
				"license", "Apache-2.0",
				"runtime", krm.Map("container", krm.Map("image", "localhost/krmfn:dev")),
				"schema", krm.Map("openAPIV3Schema", krm.Map(
					"type", "object",
					"required", []string{"apiVersion", "kind"},
					"properties", krm.Map(
						"apiVersion", krm.Map("type", "string", "enum", []string{functions.Catalog.APIVersion}),
						"kind", krm.Map("type", "string", "enum", []string{f.Kind()}),
						"metadata", krm.Map("type", "object"),
						"spec", spec,
					))),
			)),
		),
	)
	var out bytes.Buffer
	out.WriteString("# Derived from the settings of the function: make golden rewrites it.\n")
	if err := yaml.NewEncoder(&out).Encode(root); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func schema(t *testing.T, typ reflect.Type) *yaml.Node {
	switch typ.Kind() {
	case reflect.Pointer:
		return schema(t, typ.Elem())
	case reflect.Map:
		return krm.Map("type", "object", "additionalProperties", schema(t, typ.Elem()))
	case reflect.Slice:
		return krm.Map("type", "array", "items", schema(t, typ.Elem()))
	case reflect.Struct:
	case reflect.Interface:
		return krm.Map("anyOf", krm.List(krm.Map("type", "string"), krm.Map("type", "integer"), krm.Map("type", "boolean")))
	default:
		return krm.Map("type", typeName(typ))
	}
	properties, required := krm.Map(), []string{}
	comments := map[string]string{}
	for _, s := range settings(t, "", typ) {
		comments[s.path] = s.comment
	}
	for _, s := range krm.Settings(typ) {
		property := krm.Map("description", comments[s.Name])
		property.Content = append(property.Content, schema(t, s.Type).Content...)
		if s.Default != "" {
			value := krm.Map("default", s.Default)
			if s.Type.Kind() != reflect.String {
				value.Content[1].Tag = "" // a number or boolean
			}
			property.Content = append(property.Content, value.Content...)
		}
		properties.Content = append(properties.Content, krm.Map(s.Name, property).Content...)
		if s.Required {
			required = append(required, s.Name)
		}
	}
	object := krm.Map("type", "object", "additionalProperties", false, "properties", properties)
	if len(required) > 0 {
		object.Content = append(object.Content, krm.Map("required", required).Content...)
	}
	if words := wordsOf(typ); len(words) > 0 {
		return krm.Map("oneOf", krm.List(krm.Map("type", "string", "enum", words), object))
	}
	return object
}
