package database

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// rename renames registry, in one piece and byte by byte.
func rename(t *testing.T, dump, to string) (string, Report, error) {
	t.Helper()
	var out, slow bytes.Buffer
	report, err := Rename(&out, strings.NewReader(dump), "registry", to)
	slowReport, slowErr := Rename(&slow, iotest.OneByteReader(strings.NewReader(dump)), "registry", to)
	if out.String() != slow.String() || report != slowReport || fmt.Sprint(err) != fmt.Sprint(slowErr) {
		t.Errorf("read byte by byte the result is another one:\n%s\n%s", &out, &slow)
	}
	return out.String(), report, err
}

// TestRename shows the names of the database as <name>, and they have to become
// those of harbor; all else has to stay.
func TestRename(t *testing.T) {
	for name, dump := range map[string]string{
		"databases": "CREATE DATABASE /*!32312 IF NOT EXISTS*/ <`registry`> /*!40100 DEFAULT CHARACTER SET utf8 */;\n\nUSE <`registry`>;\n",
		"drop":      "/*!40000 DROP DATABASE IF EXISTS <`registry`>*/;\n/*!40000 DROP DATABASE IF EXISTS `registry2`*/;",
		"alter":     "ALTER DATABASE <`registry`> CHARACTER SET utf8 COLLATE utf8_general_ci ;ALTER DATABASE CHARACTER SET utf8;alter schema default collate registry;",
		"by hand":   "drop database if exists <registry>;\ncreate database <registry> charset = utf8;\nuse <registry>;\ncreate schema <registry>;create or replace database <registry>;",
		"comments": "-- Host: localhost    Database: registry\n-- USE `registry`;\n# USE registry;\n/* USE registry; */\n" +
			"-- Current Database: `registry`\n--\n--\tregistry.x\nUSE /* registry */ <registry> -- registry\n;",
		"sandbox":        "/*M!999999\\- enable the sandbox mode */ \n/*!999999\\- ' */USE <registry>;",
		"MariaDB's":      "/*M!100100 USE <registry>*/;/*!100100USE <registry>*/;/*!USE <registry>*/;",
		"nested comment": "/*!50001 SELECT /* registry.t ' */ 1*/;USE <registry>;",
		"executable":     "/*!50001 CREATE*/ /*!50001 DATABASE*/ /*M!50001 <registry>*/ /*!1 /*!2 x*/*/;/*!40000 ALTER TABLE `registry` DISABLE KEYS */;",
		"strings": "INSERT INTO `t` VALUES ('registry.x','it''s registry.x','\\'registry.x',\"registry\",\"\\\"registry.x\",'\\\\'," +
			"_binary 'registry.`registry`.t\\0',x'7265',0xCAFE,'USE registry;',N'registry','\nUSE registry;\nCREATE DATABASE registry;\n'),('-- registry','/*',\"'\",'#');USE <registry>;",
		"a table of that name":  "DROP TABLE IF EXISTS `registry`;CREATE TABLE `registry` (`registry` int, KEY `registry` (`registry`));LOCK TABLES `registry` WRITE;INSERT INTO `registry` VALUES (1);INSERT INTO `registry`(`registry`) VALUES (1);",
		"second part":           "select `t`.`registry`, t.registry.x from t.`registry`;",
		"variables and users":   "SET @registry.x = 1, @@registry.x = 2; SELECT @`registry`.x;CREATE DEFINER=`registry`@`registry`.x PROCEDURE p() SELECT 1;",
		"double-quoted names":   "USE <\"registry\">;INSERT INTO t VALUES (\"registry\");",
		"longer names":          "USE `registry2`; USE registry_k8s; USE `my``registry`; SELECT * FROM registry2.t, `registry ```.t, registryé.t, éregistry.t;",
		"not at the beginning":  "CREATE TABLE DATABASE registry; SELECT USE registry; DROP TABLE x, DATABASE registry; EXPLAIN CREATE DATABASE registry;",
		"trigger":               "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`registry`@`localhost`*/ /*!50003 TRIGGER `tr` BEFORE UPDATE ON `t` FOR EACH ROW BEGIN\n  SET NEW.registry = OLD.registry;\n  INSERT INTO log VALUES ('registry.x', '*/');\n USE registry;\nEND */;;\nDELIMITER ;\nUSE <registry>;",
		"other delimiter":       "DELIMITER $$\nCREATE PROCEDURE p() BEGIN USE registry; SELECT 'registry.t'; END$$\ndelimiter //\nUSE <registry>//\nDELIMITER ;\r\nUSE <registry>;",
		"delimiter as a name":   "SELECT delimiter FROM t;USE <registry>;",
		"delimiter of letters":  "DELIMITER go\nSELECT 1go USE <registry> go\nDELIMITER\nUSE <registry> go",
		"a user's variable":     "SET @x = 'NO_ENGINE_SUBSTITUTION,STRICT_TRANS_TABLES', SQL_MODE='NO_AUTO_VALUE_ON_ZERO', SQL_NOTES=0;SELECT '\\'registry.x';",
		"not a comment":         "SELECT 5--registry;USE <registry>;",
		"bytes":                 "INSERT INTO t VALUES (_binary '\x00\x1a\xff\xfe\\'\\\\','\xe2\x82\xac','" + strings.Repeat("\\'", 2000) + "');USE <registry>;",
		"long tokens":           "SELECT 0x" + strings.Repeat("registry", 1000) + ".x, `" + strings.Repeat("``registry``", 500) + "`.x /*" + strings.Repeat("registry.t ", 500) + "*/ FROM" + strings.Repeat(" ", 5000) + "t -- " + strings.Repeat("registry", 500) + "\n;USE" + strings.Repeat(" ", 70000) + "<registry>;",
		"names beyond a buffer": strings.Repeat("SELECT 'registry.x', `registry` FROM `t`;USE <`registry`>;\n", 3000),
		"no statement":          "-- registry",
		"empty":                 "",
	} {
		t.Run(name, func(t *testing.T) {
			in := strings.NewReplacer("<", "", ">", "").Replace(dump)
			want := strings.NewReplacer("<`registry`>", "`harbor`", "<\"registry\">", "\"harbor\"", "<registry>", "`harbor`").Replace(dump)
			out, report, err := rename(t, in, "harbor")
			if err != nil {
				t.Fatal(err)
			}
			if out != want {
				t.Errorf("got\n%s\nwant\n%s", out, want)
			}
			if n := strings.Count(dump, "<"); report.Renamed != n {
				t.Errorf("%d names are renamed, want %d", report.Renamed, n)
			}
			back := new(bytes.Buffer)
			if _, err := Rename(back, strings.NewReader(out), "harbor", "registry"); err != nil {
				t.Fatal(err)
			}
			if quoted := strings.NewReplacer("<registry>", "`registry`", "<", "", ">", "").Replace(dump); back.String() != quoted {
				t.Errorf("back again it is\n%s\nwant\n%s", back, quoted)
			}
		})
	}
}

func TestReport(t *testing.T) {
	for dump, want := range map[string]Report{
		"SELECT 1;\n-- Dump completed on 2017-12-08  8:00:00\n":   {Complete: true},
		"SELECT 1;\n-- Dump completed\n\n-- more":                 {Complete: true},
		"-- Dump completed\nSELECT 1;":                            {},
		"SELECT '\n-- Dump completed\n';":                         {},
		"SELECT 1\n-- Dump completed\n;":                          {},
		"USE `registry`;USE `registry`;":                          {Renamed: 2},
		"USE other; CREATE DATABASE `third`; USE `registry`;":     {Renamed: 1, Other: "other"},
		"SELECT DATABASE(), other FROM other.t; SELECT SCHEMA();": {},
		"ALTER DATABASE CHARACTER SET utf8;":                      {},
	} {
		if _, report, err := rename(t, dump, "harbor"); err != nil || report != want {
			t.Errorf("%s: %+v, %v, want %+v", dump, report, err, want)
		}
	}
}

func TestRenameFails(t *testing.T) {
	for dump, want := range map[string]string{
		"SELECT 1;\nINSERT INTO t\nVALUES ('a\nb": "the dump is cut off: it ends within quotes begun in line 3",
		"\x1f\x8b\x08":              "the dump is no plain text: it is compressed, or in UTF-16 as PowerShell writes it",
		"\xff\xfeU\x00":             "the dump is no plain text: it is compressed, or in UTF-16 as PowerShell writes it",
		"SELECT 'a\\":               "the dump is cut off: it ends within quotes begun in line 1",
		"SELECT \"a\\\"":            "the dump is cut off: it ends within quotes begun in line 1",
		"SELECT `a":                 "the dump is cut off: it ends within quotes begun in line 1",
		"SELECT 1;\n/* a":           "the dump is cut off: it ends within a comment begun in line 2",
		"/*!40101 SET NAMES utf8 *": "the dump is cut off: it ends within a comment begun in line 1",
		"SELECT 1;\n\nINSERT INTO t VALUES (1),(2":                                   "the dump is cut off: it ends within a statement begun in line 3",
		"/*!40101 SET NAMES utf8 */":                                                 "the dump is cut off: it ends within a statement begun in line 1",
		"DELIMITER ;;\nSELECT 1;":                                                    "the dump is cut off: it ends within a statement begun in line 2",
		"USE registry":                                                               "the dump is cut off: it ends within a statement begun in line 1",
		"SELECT 1;\nUSE `harbor`;":                                                   "line 2: the dump holds a database harbor already, with which registry would be mixed",
		"CREATE DATABASE\nharbor;":                                                   "line 2: the dump holds a database harbor already, with which registry would be mixed",
		"SELECT 1;\nSELECT a FROM\nharbor.b;":                                        "line 3: harbor with a dot after it may be the database or a table: remove that if it is the database",
		"CREATE VIEW v AS\nselect `registry`.`id`":                                   "line 2: registry with a dot after it may be the database or a table: remove that if it is the database",
		"DROP TABLE registry /* . */ -- .\n.t":                                       "line 2: registry with a dot after it may be the database or a table: remove that if it is the database",
		"/*!50003 TRIGGER \"registry\" . t":                                          "line 1: registry with a dot after it may be the database or a table: remove that if it is the database",
		"GRANT ALL ON registry.* TO a@b;":                                            "line 1: registry with a dot after it may be the database or a table: remove that if it is the database",
		"USE registry.t;":                                                            "line 1: registry with a dot after it may be the database or a table: remove that if it is the database",
		"USE registry\nCREATE TABLE t (a int);":                                      "line 2: USE is followed by more than the name of a database",
		"SELECT 1;\n\\u registry\n":                                                  "line 2: a \\ outside of quotes is a command of the client",
		"/*!50003 SET sql_mode  = 'STRICT_TRANS_TABLES,no_backslash_escapes' */;":    "line 1: in sql_mode NO_BACKSLASH_ESCAPES quotes mean something else: dump without --databases, which needs no renaming",
		"SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO,ANSI_QUOTES'": "line 1: in sql_mode ANSI_QUOTES quotes mean something else: dump without --databases, which needs no renaming",
		"SET SESSION sql_mode = ANSI;":                                               "line 1: in sql_mode ANSI quotes mean something else: dump without --databases, which needs no renaming",
		"SET SQL_NOTES=0, sql_mode=1048576;":                                         "line 1: sql_mode is a number: write the names of the modes",
		"/*!40101 SET NAMES gbk */;":                                                 "line 1: the dump is in character set gbk: make it with mysqldump --default-character-set=utf8",
		"/*!50003 SET character_set_client  = 'sjis' */;":                            "line 1: the dump is in character set sjis: make it with mysqldump --default-character-set=utf8",
	} {
		if _, _, err := rename(t, dump, "harbor"); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", dump, err, want)
		}
	}
	for _, name := range []string{"", "a/b", "mysql", strings.Repeat("a", 65)} {
		if _, err := Rename(io.Discard, strings.NewReader(""), "registry", name); err == nil {
			t.Errorf("the name %q is taken", name)
		}
	}
}

// TestRenameCutOff cuts a dump off at every byte: that is an error, or the cut
// lies between two statements.
func TestRenameCutOff(t *testing.T) {
	const dump = "-- MySQL dump\nCREATE DATABASE `registry`;\n/*!40101 SET NAMES utf8 */;\nINSERT INTO `t` VALUES ('it''s',\"a\\\"\",0x00); -- c\n/* d */\n-- Dump completed\n"
	complete := map[int]bool{}
	for n := range len(dump) {
		_, report, err := rename(t, dump[:n], "harbor")
		complete[n] = err == nil
		if err == nil && report.Complete && n < strings.Index(dump, "completed") {
			t.Errorf("%q is said to be complete", dump[:n])
		}
	}
	for at, want := range map[string]bool{"CREATE": true, "DATABASE": false, "REATE": false, ";\n/*!": false, "\n/*!": true, "\n-- D": true, "SET": false, "it": false, "s'": false, "\"a": false, ");": false, ";": false, "Dump": true, "d */": false, "/ d": true} {
		if n := strings.Index(dump, at); n >= 0 && complete[n] != want {
			t.Errorf("cut off before %q: complete is %t, want %t", at, complete[n], want)
		}
	}
}

func TestRenamePassesErrorsOn(t *testing.T) {
	if _, err := Rename(io.Discard, io.MultiReader(strings.NewReader("SELECT 1;"), iotest.ErrReader(io.ErrUnexpectedEOF)), "registry", "harbor"); err == nil || !strings.Contains(err.Error(), "reading the dump: unexpected EOF") {
		t.Error(err)
	}
	r, w := io.Pipe()
	r.Close()
	if _, err := Rename(w, strings.NewReader("SELECT 1;"), "registry", "harbor"); err == nil || !strings.Contains(err.Error(), "writing the dump: io: read/write on closed pipe") {
		t.Error(err)
	}
}

// endless writes a dump of at least size bytes: lines of 128 KB that hold
// many short values, or a long string, or a long number.
func endless(w io.Writer, size int) error {
	const line = 1 << 17
	if _, err := io.WriteString(w, "USE `registry`;\n"); err != nil {
		return err
	}
	for size > 0 {
		for _, p := range [][3]string{
			{"INSERT INTO `t` VALUES (1,'a')", `,(2,'library/registry.x \'quoted\' ''twice''',NULL,1.5,"two")`, ";\n"},
			{"INSERT INTO `t` VALUES ('", `registry.x \\ \' `, "');\n"},
			{"INSERT INTO `t` VALUES (0x", `CAFE`, ");\n"},
		} {
			if _, err := io.WriteString(w, p[0]+strings.Repeat(p[1], line/len(p[1]))+p[2]); err != nil {
				return err
			}
			size -= line
		}
	}
	_, err := io.WriteString(w, "USE `registry`;\n")
	return err
}

// TestRenameMemory passes 60 MB through in the memory that its longest value
// takes.
func TestRenameMemory(t *testing.T) {
	const size = 60 << 20
	r, w := io.Pipe()
	go func() { w.CloseWithError(endless(w, size)) }()
	counter := &heap{}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	report, err := Rename(counter, r, "registry", "harbor")
	runtime.ReadMemStats(&after)
	if err != nil || report.Renamed != 2 || counter.bytes < size {
		t.Fatalf("%+v, %v after %d bytes", report, err, counter.bytes)
	}
	t.Logf("%d MB: heap at most %d KB, %d KB allocated in all", counter.bytes>>20, counter.most>>10, (after.TotalAlloc-before.TotalAlloc)>>10)
	if growth := int64(counter.most) - int64(before.HeapAlloc); growth > 10<<20 {
		t.Errorf("the heap grew by %d KB", growth>>10)
	}
}

// heap is a writer that watches the heap.
type heap struct {
	bytes  int
	writes int
	most   uint64
}

func (h *heap) Write(p []byte) (int, error) {
	if h.writes++; h.writes%256 == 0 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		h.most = max(h.most, stats.HeapAlloc)
	}
	h.bytes += len(p)
	return len(p), nil
}

func BenchmarkRename(b *testing.B) {
	for name, row := range map[string]string{
		"rows":   `,(17,'library/registry','5f4dcc3b5aa765d61d8327deb882cf99','2017-12-08 08:00:00',NULL,0,'a \'quoted\' word')`,
		"text":   `,('` + strings.Repeat("The quick brown fox jumps over the lazy dog. ", 200) + `')`,
		"binary": `,(_binary '` + strings.Repeat("\\0\\'\x01\x02\\\\\xff\\n", 200) + `')`,
	} {
		dump := []byte("INSERT INTO `t` VALUES (0)" + strings.Repeat(row, (8<<20)/len(row)) + ";\n")
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(dump)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Rename(io.Discard, bytes.NewReader(dump), "registry", "harbor"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzRename wants no panic, and the dump back from renaming there and back.
func FuzzRename(f *testing.F) {
	for _, seed := range []string{
		"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `registry`;\nUSE registry;\n-- Dump completed",
		"SELECT registry.a, 'it''s \\' registry.b' FROM `registry`.`t`, (registry . u) JOIN \"registry\".v ON (a = b);",
		"DELIMITER ;;\n/*!50003 CREATE TRIGGER t BEFORE UPDATE ON registry.t FOR EACH ROW SET @a = 1 */;;\nDELIMITER ;\n",
		"SET sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES';SELECT '\\', \"\\\" FROM registry.t;# registry\n",
		"GRANT ALL ON registry.* TO a@b;SELECT registry.f(1), 0xregistry, 5--registry.t",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, dump []byte) {
		run := func(in []byte, from, to string) ([]byte, error) {
			var out bytes.Buffer
			_, err := Rename(&out, bytes.NewReader(in), from, to)
			return out.Bytes(), err
		}
		there, err := run(dump, "registry", "harbor_k8s")
		if err != nil || bytes.Contains(dump, []byte("harbor_k8s")) || bytes.Contains(bytes.ToUpper(dump), []byte("DELIMITER")) {
			return
		}
		back, err := run(there, "harbor_k8s", "registry")
		if err != nil {
			t.Fatalf("%v in\n%q", err, there)
		}
		// Bare names come back in quotes.
		want, err := run(dump, "registry", "registry")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back, want) {
			t.Errorf("%q there and back is\n%q, want\n%q", there, back, want)
		}
		strip := func(in []byte) string { return strings.NewReplacer("`", "", " ", "").Replace(string(in)) }
		if strip(want) != strip(dump) {
			t.Errorf("more than quotes differs:\n%q\n%q", want, dump)
		}
	})
}
