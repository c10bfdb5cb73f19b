/** Tabs of a view; which of them is shown stands in the address. */
import { Tab, TabList, TabPanel, TabProvider } from "@ariakit/react";
import type { ReactNode } from "react";
import { navigate } from "../location";

export interface TabOf {
  /** In the address; the first one's is left out. */
  id: string;
  label: ReactNode;
  content: () => ReactNode;
}

interface Props {
  label: string;
  /** Address of the view. */
  base: string;
  shown: string | undefined;
  tabs: TabOf[];
}

export function AddressTabs({ label, base, shown, tabs }: Props) {
  const first = tabs[0]?.id;
  const current = tabs.find((tab) => tab.id === shown) ?? tabs[0];
  return (
    <TabProvider
      selectedId={current?.id ?? null}
      selectOnMove={false}
      setSelectedId={(id) => {
        if (id && id !== current?.id) navigate(id === first ? base : `${base}/${id}`);
      }}
    >
      <TabList className="tabs" aria-label={label}>
        {tabs.map((tab) => (
          <Tab key={tab.id} id={tab.id}>
            {tab.label}
          </Tab>
        ))}
      </TabList>
      {current && (
        <TabPanel key={current.id} tabId={current.id} className="tab-panel">
          {current.content()}
        </TabPanel>
      )}
    </TabProvider>
  );
}
