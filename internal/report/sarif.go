package report

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
)

// The part of SARIF 2.1.0 that is written. A result whose file is not known
// is put into Report.Input: GitHub refuses a whole log for one result without a
// physical location (github/codeql-action#1738, #2459).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string         `json:"id"`
		What    sarifText      `json:"shortDescription"`
		Why     *sarifText     `json:"fullDescription,omitempty"`
		Help    *sarifText     `json:"help,omitempty"`
		Default *sarifSeverity `json:"defaultConfiguration,omitempty"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifSeverity struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name          string `json:"name"`
		QualifiedName string `json:"fullyQualifiedName"`
		Kind          string `json:"kind"`
	}
)

// general is the rule of findings that name none.
const general = "general"

func sarif(r Report, _ Style) ([]byte, error) {
	rules, index := r.sarifRules()
	results := []sarifResult{}
	seen := map[string]int{}
	for _, f := range r.Findings {
		id := sarifID(f)
		results = append(results, sarifResult{
			RuleID:       id,
			RuleIndex:    index[id],
			Level:        sarifLevel(f.Severity),
			Message:      sarifText{f.sentence()},
			Locations:    []sarifLocation{r.sarifLocation(f)},
			Fingerprints: map[string]string{"krmfn/v1": fingerprint(f, seen)},
		})
	}
	return indented(sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{{Tool: sarifTool{sarifDriver{"krmfn", r.Version, rules}}, Results: results}},
	})
}

// sarifRules returns all rules, those that only a finding knows last, and the
// place of each.
func (r Report) sarifRules() ([]sarifRule, map[string]int) {
	rules, index := []sarifRule{}, map[string]int{}
	for _, rule := range r.Rules {
		index[rule.ID] = len(rules)
		rules = append(rules, sarifRule{
			rule.ID, sarifText{rule.What}, sarifTextOf(rule.Why), sarifTextOf(rule.Help),
			&sarifSeverity{sarifLevel(rule.Severity)},
		})
	}
	for _, f := range r.Findings {
		if id := sarifID(f); !has(index, id) {
			index[id] = len(rules)
			rules = append(rules, sarifRule{ID: id, What: sarifText{id}})
		}
	}
	return rules, index
}

func has(index map[string]int, id string) bool {
	_, ok := index[id]
	return ok
}

func sarifTextOf(s string) *sarifText {
	if s == "" {
		return nil
	}
	return &sarifText{s}
}

func sarifID(f Finding) string {
	if f.rule() == "" {
		return general
	}
	return f.rule()
}

func sarifLevel(s framework.Severity) string {
	return []string{"error", "warning", "note"}[rank(s)]
}

func (r Report) sarifLocation(f Finding) sarifLocation {
	path := f.path()
	if path == "" {
		path = r.Input
	}
	l := sarifLocation{Physical: sarifPhysical{Artifact: artifact(path)}}
	if f.Line > 0 {
		l.Physical.Region = &sarifRegion{f.Line}
	}
	if ref := f.ref(); ref.Name != "" {
		l.Logical = []sarifLogical{{ref.Name, identity(f), "resource"}}
	}
	return l
}

// artifact is the URI of a file: relative paths are seen from the root of the
// source code, where this program is expected to run.
func artifact(path string) sarifArtifact {
	path = filepath.ToSlash(path)
	if strings.HasPrefix(path, "/") {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: path}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Path: path}).String(), Base: "%SRCROOT%"}
}

// identity is apiVersion, kind, namespace and name; none is -.
func identity(f Finding) string {
	ref := f.ref()
	if ref.Namespace == "" {
		ref.Namespace = "-"
	}
	return strings.Join([]string{ref.APIVersion, ref.Kind, ref.Namespace, ref.Name}, "/")
}

// fingerprint stays the same when the object moves, and when the wording of the
// message changes. Findings of one rule at one place are numbered.
func fingerprint(f Finding, seen map[string]int) string {
	key := strings.Join([]string{sarifID(f), identity(f), f.field()}, "\x00")
	seen[key]++
	sum := sha256.Sum256([]byte(key + "\x00" + strconv.Itoa(seen[key])))
	return hex.EncodeToString(sum[:16])
}
