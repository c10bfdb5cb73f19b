/** One event: where it is, how it came there, what it counts in. */
import { useId, useState } from "react";
import { useLocation, useParams } from "wouter";
import "./event.css";
import { Examples } from "./examples";
import { JourneyOf } from "./journey";

export default function OneEvent() {
  const id = decoded(useParams()["*"] ?? "");
  return (
    <>
      <h1>One event</h1>
      <Search key={`search ${id}`} id={id} />
      {id && <JourneyOf key={`journey ${id}`} id={id} />}
      <Examples />
    </>
  );
}

function Search({ id }: { id: string }) {
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState(id);
  const field = useId();
  return (
    <form
      className="event-search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const wanted = typed.trim();
        if (wanted) navigate(`/event/${encodeURIComponent(wanted)}`);
      }}
    >
      <label htmlFor={field}>Id of an event, click, change or external record</label>
      <div className="row">
        <input
          id={field}
          value={typed}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setTyped(event.target.value)}
        />
        <button type="submit" className="primary">
          Find
        </button>
      </div>
    </form>
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
