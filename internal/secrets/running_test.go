package secrets

import (
	"fmt"
	"strings"
	"testing"

	"krmfn.dev/harbor/internal/golden"
)

// inUse is a Harbor of Harbor's own manifests that encrypts with usedKey.
const usedKey = "0123456789abcdef"

func inUse(t *testing.T) string {
	t.Helper()
	text := strings.ReplaceAll(golden.Base(t), "SECRET_KEY: CHANGE-ME-PLEASE", `SECRET_KEY: "`+usedKey+`"`)
	own := complete(t)[0].Data
	for key, value := range map[string]string{"pkey": own[TokenKey], "cert": own[TokenCert]} {
		indented := "|\n    " + strings.ReplaceAll(strings.TrimSpace(value), "\n", "\n    ")
		text = strings.ReplaceAll(text, "\n  "+key+": CHANGE-ME-PLEASE", "\n  "+key+": "+indented)
	}
	// In a cluster references lead to what is there, whatever it is called.
	for _, part := range []string{"adminserver", "ui", "jobservice", "registry", "nginx", "mysql"} {
		text = strings.ReplaceAll(text, "name: harbor-"+part+"-config", "name: prod-harbor-"+part+"-config-7h5k2m")
	}
	return text
}

// ofKinds are the documents of these kinds.
func ofKinds(text string, kinds ...string) string {
	var kept []string
	for doc := range strings.SplitSeq(text, "\n---\n") {
		for _, kind := range kinds {
			if strings.Contains("\n"+doc+"\n", "\nkind: "+kind+"\n") {
				kept = append(kept, doc)
			}
		}
	}
	return strings.Join(kept, "\n---\n")
}

// TestRunning takes over what a Harbor has in use, in whatever way it is given, and
// makes no new key for one that runs.
func TestRunning(t *testing.T) {
	all := inUse(t)
	configMaps, workloads := ofKinds(all, "ConfigMap"), ofKinds(all, "ReplicationController")
	anyName := strings.NewReplacer("prod-harbor-adminserver-config-7h5k2m", "a", "prod-harbor-ui-config-7h5k2m", "b",
		"prod-harbor-jobservice-config-7h5k2m", "c", "prod-harbor-registry-config-7h5k2m", "d", "prod-harbor-nginx-config-7h5k2m", "e")
	secret := "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: prod-harbor-secrets-5fd2}\nstringData: {SECRET_KEY: " + usedKey + ", UI_SECRET: ui-secret-of-16-c}\n"
	fromSecret := strings.NewReplacer("configMap:\n          name: prod-harbor-", "secret:\n          secretName: prod-harbor-secrets-5fd2 #")
	namespaced := strings.NewReplacer("\nmetadata:\n", "\nmetadata:\n  namespace: harbor\n")
	for name, text := range map[string]string{
		"all":                          all,
		"ConfigMaps":                   configMaps,
		"of any name":                  anyName.Replace(all),
		"ConfigMaps of any name":       anyName.Replace(configMaps),
		"in a namespace":               namespaced.Replace(all),
		"Secret of another name":       secret,
		"read from that Secret":        fromSecret.Replace(workloads) + secret,
		"the workloads and ConfigMaps": workloads + "\n---\n" + configMaps,
		"a prefix and a suffix that no reference follows": ofKinds(strings.ReplaceAll(strings.ReplaceAll(all, "name: prod-harbor-", "name: harbor-"),
			"-config-7h5k2m", "-config"), "ReplicationController") + "\n---\n" + configMaps,
		"one workload": ofKinds(workloads, "ReplicationController") + "\n---\n" + configMaps,
	} {
		made, found := mustMake(t, Request{Names: names, Existing: mustRead(t, text)})
		if found.Failed() || made[0].Data[SecretKey] != usedKey {
			t.Errorf("%s: it gets another key: %s", name, found)
		}
		if want := map[string]string{"in a namespace": "harbor"}[name]; len(made) > 0 && made[0].Namespace != want {
			t.Errorf("%s: the Secret is in namespace %q", name, made[0].Namespace)
		}
	}
}

// TestRunningLacks refuses to make a key for a Harbor that runs.
func TestRunningLacks(t *testing.T) {
	all := inUse(t)
	workloads := ofKinds(all, "ReplicationController")
	for name, c := range map[string]struct{ text, want string }{
		"workloads alone": {workloads,
			"(ReplicationController adminserver-rc): with a new key it cannot decrypt what it has stored. Give key SECRET_KEY of ConfigMap prod-harbor-ui-config-7h5k2m too"},
		"the registry's ConfigMap alone": {"kind: ConfigMap\nmetadata: {name: x-harbor-registry-config}\ndata: {cert: x}", "(ConfigMap x-harbor-registry-config)"},
		"the ui's without the key":       {"kind: ConfigMap\nmetadata: {name: any}\ndata: {UI_SECRET: x}", "(ConfigMap any)"},
		"workloads and their Secrets, but for one": {
			strings.ReplaceAll(workloads, "configMap:\n          name: prod-harbor-", "secret:\n          secretName: mine-") + "\n---\n" + mustWrite(t, complete(t)[1:2]),
			"of Secret mine-ui-config-7h5k2m too"},
	} {
		made, found := mustMake(t, Request{Names: names, Existing: mustRead(t, c.text)})
		if len(made) > 0 || !found.Failed() || !strings.Contains(fmt.Sprint(found), c.want) {
			t.Errorf("%s: %d Secrets, %s\nwant %s", name, len(made), found, c.want)
		}
	}
	_, found := mustMake(t, Request{Names: names, Existing: mustRead(t, workloads+"\n---\n"+ofKinds(strings.ReplaceAll(all, "  MYSQL_PWD:", "  other:"), "ConfigMap"))})
	if said := fmt.Sprint(found); strings.Contains(said, "MYSQL_PWD") {
		t.Errorf("a key that its ConfigMap does not have is one to give: %s", said)
	}
	// The password of the database is in use too, but a new one loses nothing.
	text := strings.Replace(workloads, "name: prod-harbor-adminserver-config-7h5k2m\n              key: MYSQL_PWD", "name: elsewhere\n              key: MYSQL_PWD", 1)
	_, found = mustMake(t, Request{Names: names, Existing: mustRead(t, text+"\n---\n"+ofKinds(all, "ConfigMap"))})
	if said := fmt.Sprint(found); found.Failed() || !strings.Contains(said, "warning: Secret harbor-database password: a new one is made, which is not the one in use: give key MYSQL_PWD of ConfigMap elsewhere too") {
		t.Errorf("another password: %s", said)
	}
	given := Request{Names: names, Existing: mustRead(t, workloads), Given: []Value{{Secret: names.Harbor, Key: SecretKey, Text: usedKey, Source: "--harbor-cfg"}}}
	if made, found := mustMake(t, given); found.Failed() || made[0].Data[SecretKey] != usedKey {
		t.Errorf("a key that is given does not count: %s", found)
	}
}

// TestRunningPlaceholders makes what manifests leave to be filled in, and says so,
// but no key to encrypt with: Harbor takes a placeholder for one.
func TestRunningPlaceholders(t *testing.T) {
	base := golden.Base(t)
	template := strings.ReplaceAll(base, "CHANGE-ME-PLEASE", "'{{value}}'")
	for name, text := range map[string]string{"manifests": base, "ConfigMaps": ofKinds(base, "ConfigMap")} {
		made, found := mustMake(t, Request{Names: names, Existing: mustRead(t, text)})
		if found.Failed() || len(made) < 2 {
			t.Fatalf("%s: %s", name, found)
		}
		own, said := made[0].Data, fmt.Sprint(found)
		for _, key := range []string{UISecret, TokenKey, TokenCert, "HARBOR_ADMIN_PASSWORD"} {
			if strings.Contains(own[key], "CHANGE-ME") || !strings.Contains(said, key+": is a placeholder in ConfigMap harbor-") {
				t.Errorf("%s: %s: %s", name, key, said)
			}
		}
		if own[SecretKey] != "CHANGE-ME-PLEASE" || !strings.Contains(said, "SECRET_KEY: is a placeholder in ConfigMap harbor-") || !strings.Contains(said, "and kept") {
			t.Errorf("%s: the key is not kept: %s", name, said)
		}
		given := Value{Secret: names.Harbor, Key: SecretKey, Text: usedKey, Source: "--harbor-cfg"}
		if made, found := mustMake(t, Request{Names: names, Existing: mustRead(t, text), Given: []Value{given}}); found.Failed() || made[0].Data[SecretKey] != usedKey {
			t.Errorf("%s: a key that is given does not count: %s", name, found)
		}
	}
	if made, found := mustMake(t, Request{Names: names, Existing: mustRead(t, template)}); len(made) > 0 || !strings.Contains(fmt.Sprint(found), "SECRET_KEY: is missing, and a Harbor that runs is there") {
		t.Errorf("a template: %s", found)
	}
}

// TestRunningTwice names both places of two keys, and does not choose between two
// Harbors.
func TestRunningTwice(t *testing.T) {
	all := inUse(t)
	differs := strings.Replace(all, `SECRET_KEY: "`+usedKey, `SECRET_KEY: "another-of-16-ch`, 1)
	_, found := mustMake(t, Request{Names: names, Existing: mustRead(t, differs)})
	said := fmt.Sprint(found)
	if !found.Failed() || !strings.Contains(said, "adminserver-config") || !strings.Contains(said, "give different values") || strings.Count(said, "ConfigMap prod-harbor-") < 2 {
		t.Errorf("two keys: %s", said)
	}
	two := strings.ReplaceAll(all, "\nmetadata:\n", "\nmetadata:\n  namespace: a\n") + "\n---\n" + strings.ReplaceAll(all, "\nmetadata:\n", "\nmetadata:\n  namespace: b\n")
	if _, err := Read(names, []byte(two)); err == nil || !strings.Contains(err.Error(), "namespace a") || !strings.Contains(err.Error(), "--namespace") {
		t.Errorf("two Harbors: %v", err)
	}
	one := names
	one.Namespace = "b"
	if existing, err := Read(one, []byte(two)); err != nil || existing.Running.Namespace != "b" {
		t.Errorf("one of two Harbors: %v", err)
	}
	if _, err := Read(names, []byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: core}\nspec: {template: {spec: {containers: [{name: core, image: 'goharbor/harbor-core:v1.10.0'}]}}}")); err == nil || !strings.Contains(err.Error(), "1.2 to 1.5 and 2.x") {
		t.Errorf("Harbor 1.10: %v", err)
	}
}
