import { useEffect, useRef, useState, type ReactNode } from "react";

const LATEST_MS = 2_500;

/** Its contents ask when they come into view, or when what is in view has had its answers. */
export function WhenSeen({ children }: { children: ReactNode }) {
  const [seen, setSeen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const watch = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
      },
      { rootMargin: "200px" },
    );
    if (box.current) watch.observe(box.current);
    const timer = setTimeout(() => setSeen(true), LATEST_MS);
    return () => {
      watch.disconnect();
      clearTimeout(timer);
    };
  }, []);
  return seen ? children : <div ref={box} className="unseen" />;
}
