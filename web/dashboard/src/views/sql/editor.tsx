/** The editor of statements, in a shadow root: its styles are adopted sheets there, which the page's policy allows. */
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { PostgreSQL, sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
  placeholder,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";
import type { Completions } from "./completions";

export interface Editor {
  /** Puts text where the cursor is. */
  insert: (text: string) => void;
  focus: () => void;
}

interface Props {
  ref?: Ref<Editor>;
  value: string;
  change: (value: string) => void;
  run: () => void;
  completions: Completions;
  problem?: { from: number; message: string } | undefined;
}

const look = EditorView.theme({
  "&": {
    fontSize: "14px",
    backgroundColor: "var(--surface)",
    color: "var(--text)",
    border: "1px solid var(--muted)",
    borderRadius: "7px",
    minHeight: "9rem",
    maxHeight: "24rem",
  },
  "&.cm-focused": { outline: "3px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-gutters": {
    backgroundColor: "var(--raised)",
    color: "var(--muted)",
    border: "0",
    borderRadius: "7px 0 0 7px",
  },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent) 7%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 30%, transparent)",
  },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "inherit", opacity: "1" },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--series-1)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--series-3)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--series-2)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--series-6)" },
]);

/** What is typed over a selection. Left to itself the browser keeps the look of what was there by a style attribute,
 * which the page's policy refuses, with an error on the console. Brackets and quotes are put around the selection. */
const typedOverSelection = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { data, inputType } = event;
    if (inputType !== "insertText" || !data || view.composing || view.state.selection.main.empty)
      return false;
    if (/^[([{'"`]$/.test(data)) return false;
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(data), { userEvent: "input.type", scrollIntoView: true });
    return true;
  },
});

export function SqlEditor({ ref, value, change, run, completions, problem }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const language = useRef(new Compartment());
  const handlers = useRef({ change, run });
  useEffect(() => {
    handlers.current = { change, run };
  });
  useImperativeHandle(ref, () => ({
    insert(text) {
      const editor = view.current;
      if (!editor) return;
      editor.dispatch(editor.state.replaceSelection(text));
      editor.focus();
    },
    focus: () => view.current?.focus(),
  }));
  useEffect(() => {
    if (!host.current) return;
    // React's strict mode runs this twice over one element.
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: "open" });
    const made = new EditorView({
      parent: root,
      root,
      state: EditorState.create({
        doc: "",
        extensions: [
          Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => (handlers.current.run(), true) }])),
          lineNumbers(),
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          highlightActiveLine(),
          lintGutter(),
          syntaxHighlighting(colours),
          language.current.of([]),
          // Tab stays the key that leaves the editor.
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
          placeholder("SELECT … FROM …"),
          EditorView.lineWrapping,
          typedOverSelection,
          EditorView.contentAttributes.of({ "aria-label": "SQL statement", spellcheck: "false" }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) handlers.current.change(update.state.doc.toString());
          }),
          look,
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, []);
  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({
      effects: language.current.reconfigure([
        sql({ dialect: PostgreSQL, schema: completions.tables, upperCaseKeywords: true }),
        PostgreSQL.language.data.of({ autocomplete: completions.functions }),
      ]),
    });
  }, [completions]);
  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const shown: Diagnostic[] = [];
    if (problem) {
      const from = Math.min(problem.from, editor.state.doc.length);
      const to = Math.max(from, editor.state.wordAt(from)?.to ?? Math.min(from + 1, editor.state.doc.length));
      shown.push({ from, to, severity: "error", message: problem.message });
      editor.dispatch({ selection: { anchor: from } });
    }
    editor.dispatch(setDiagnostics(editor.state, shown));
  }, [problem]);
  return <div ref={host} className="sql-editor" />;
}
